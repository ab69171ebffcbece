import { readdirSync, readFileSync } from 'node:fs';

import tap from 'tap';

const FOLDER = new URL('../../docs/adr/', import.meta.url);

await tap.test('the index of decisions lists each file once, by its number and title', async (t) => {
  const files = readdirSync(FOLDER)
    .filter((file) => file !== 'README.md')
    .toSorted();
  const expected = files.map((file) => {
    const heading = readFileSync(new URL(file, FOLDER), 'utf8').split('\n', 1)[0] ?? '';
    const [, number, title] = /^# (\d{4}): (.+)$/.exec(heading) ?? [];
    t.equal(file.slice(0, 4), number, `${file} starts with "# NUMBER: TITLE"`);
    return `| [${number}](${file}) | ${title} |`;
  });
  const index = readFileSync(new URL('README.md', FOLDER), 'utf8');
  t.same(
    index.split('\n').filter((line) => line.startsWith('| [')),
    expected,
  );
});
