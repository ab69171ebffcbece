import tap from 'tap';

import { formatDocument } from '../../bench/document.ts';

const MACHINE = {
  date: '2026-11-24',
  revision: 'abc1234',
  processor: 'processor',
  cores: 2,
  memoryGibibytes: 8,
  kernel: '6.1',
  loadAverage: 0.1,
  node: 'v26.0.0',
  openssl: '3.5',
  programs: ['nginx 1.22', 'distribution 3'],
};
const TITLES = ['One', 'Two', 'Three'];

function write(previous: string, ...sections: { title: string; text: string }[]): string {
  return formatDocument({ machine: MACHINE, inMemory: true, sections, previous, titles: TITLES });
}

await tap.test('a section that was run replaces its own part, the others stay, in order', async (t) => {
  const first = write(
    '',
    { title: 'Three', text: 'c\n\n### Part of three\n\nmore' },
    { title: 'One', text: 'a' },
  );
  t.match(first, /## One\n\n\*2026.*\n\na\n\n## Three\n\n\*2026.*\n\nc\n\n### Part of three\n\nmore\n$/);
  const second = write(first, { title: 'Two', text: 'b' }, { title: 'One', text: 'z' });
  t.same(second.match(/^## .*$/gm), ['## One', '## Two', '## Three']);
  t.match(second, /\n\nz\n/);
  t.notMatch(second, /\n\na\n/);
  t.equal(write(second), second, 'nothing is run, nothing changes');
});

await tap.test('what has no title any more is gone', async (t) => {
  t.notMatch(write('# Performance\n\n## Old\n\ntext\n'), 'Old');
});
