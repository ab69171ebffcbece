import tap from 'tap';

import type { Bench, SectionRun } from '../../bench/bench.ts';
import { checkSections } from '../../bench/check-sections.ts';
import type { Figure } from '../../bench/figure.ts';

const NOW = { machine: { cores: 2 }, settings: { rounds: 5 } };

function figures(value: number): readonly Figure[] {
  const range = { median: value, low: value, high: value };
  return [
    {
      case: '',
      row: 'Berth',
      metric: 'CPU',
      unit: 's',
      better: 'less',
      ...range,
      ratio: { to: 'nginx', ...range },
    },
  ];
}

/** A section that gives these, one after the other. */
function section(name: string, ...values: number[]): SectionRun & { runs: () => number } {
  let runs = 0;
  return {
    name,
    title: name,
    runs: () => runs,
    run: async () => ({ markdown: '', figures: figures(values[runs++] ?? Number.NaN) }),
  };
}

function bench(): Bench & { said: string[] } {
  const said: string[] = [];
  // The sections of this test look at nothing else.
  return { said, say: (line: string) => said.push(line) } as unknown as Bench & { said: string[] };
}

const published = (value: number, of: Partial<typeof NOW> = {}) => ({
  ...NOW,
  ...of,
  figures: figures(value),
});

await tap.test('what is as published is run once, what is worse twice', async (t) => {
  const [same, worse, chance] = [section('same', 1), section('worse', 2, 2), section('chance', 2, 1)];
  const all = { same: published(1), worse: published(1), chance: published(1) };
  const { comparisons, notes } = await checkSections(bench(), [same, worse, chance], all, NOW);
  t.same(
    comparisons.map(({ kind }) => kind),
    ['same', 'worse', 'same'],
  );
  t.same([same.runs(), worse.runs(), chance.runs()], [1, 2, 2]);
  t.same(notes, []);
});

await tap.test('another machine is said once, a section that is not published is not run', async (t) => {
  const unknown = section('unknown', 1);
  const all = { one: published(1, { machine: { cores: 8 } }), two: published(1, { machine: { cores: 8 } }) };
  const { comparisons, notes } = await checkSections(
    bench(),
    [section('one', 1), section('two', 1), unknown],
    all,
    NOW,
  );
  t.equal(comparisons.length, 2);
  t.same(notes, ['unknown is not published and was not run', 'cores: published with 8, now 2']);
  t.equal(unknown.runs(), 0);
});

await tap.test('where nothing is published nothing is guarded', async (t) => {
  await t.rejects(checkSections(bench(), [section('one', 1)], {}, NOW), {
    message: /npm run bench -- one publishes it/,
  });
});
