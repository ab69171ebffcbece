import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap from 'tap';

import type { SectionResult, SectionRun } from '../../bench/bench.ts';
import type { Machine } from '../../bench/machine.ts';
import { openReportFiles } from '../../bench/report-files.ts';
import { testDirectory } from '../support/test-directory.ts';

const SECTIONS: readonly SectionRun[] = ['one', 'two'].map((name) => ({
  name,
  title: `Section ${name}`,
  run: () => Promise.reject(new Error('it is not run')),
}));
const RATIO = { to: 'nginx', median: 2, low: 1, high: 3 };
const RESULT: SectionResult = {
  markdown: 'the text',
  figures: [
    {
      case: '',
      row: 'Berth',
      metric: 'CPU',
      unit: 's',
      better: 'less',
      median: 4,
      low: 3,
      high: 5,
      ratio: RATIO,
    },
  ],
};
const MACHINE: Machine = {
  date: '2026-11-24',
  revision: 'abc1234',
  processor: 'processor',
  cores: 2,
  memoryGibibytes: 8,
  kernel: '6.1',
  loadAverage: 0.1,
  node: 'v26.0.0',
  openssl: '3.5',
  programs: ['nginx 1.22'],
};
const RUN = { machine: MACHINE, settings: { rounds: 5 }, inMemory: true };

await tap.test(
  'text, figures and picture of a section are written together, and replaced together',
  async (t) => {
    const directory = testDirectory(t);
    const report = join(directory, 'speed.md');
    const [one, two] = SECTIONS;
    if (one === undefined || two === undefined) throw new Error('two sections');
    const files = openReportFiles(report, SECTIONS);
    t.same(files.readPublished(), {}, 'nothing yet');
    files.writeSection(two, RESULT, RUN);
    files.writeSection(one, { ...RESULT, figures: [] }, RUN);
    const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
    t.match(read('speed.md'), /the text\n\n!\[Section two: .+\]\(speed\/two\.svg\)\n$/);
    t.match(read('speed/two.svg'), '<title id="title">Section two</title>');
    t.notOk(existsSync(join(directory, 'speed/one.svg')), 'no ratio, no picture');
    t.notMatch(read('speed.md'), 'one.svg');
    const published = openReportFiles(report, SECTIONS).readPublished();
    t.same(Object.keys(published), ['one', 'two']);
    t.same(published['two'], { machine: MACHINE, settings: { rounds: 5 }, figures: RESULT.figures });

    files.writeSection(two, { markdown: 'other', figures: [] }, RUN);
    t.notOk(existsSync(join(directory, 'speed/two.svg')));
    t.notMatch(read('speed.md'), 'two.svg');

    writeFileSync(join(directory, 'speed.json'), '{}');
    const before = read('speed.md');
    t.throws(() => files.writeSection(one, RESULT, RUN), { message: /format undefined/ });
    t.equal(read('speed.md'), before, 'damaged figures are not written over');
  },
);
