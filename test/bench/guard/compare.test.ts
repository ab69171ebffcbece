import tap from 'tap';

import type { Figure } from '../../../bench/figure.ts';
import { compareFigures, confirm } from '../../../bench/guard/compare.ts';
import { formatComparisons, isFailure } from '../../../bench/guard/format-comparison.ts';

type Range = readonly [median: number, low: number, high: number];

function figure(row: string, [median, low, high]: Range, changes: Partial<Figure> = {}): Figure {
  const ratio = { to: 'nginx', median, low, high };
  return {
    case: 'plain',
    row,
    metric: 'CPU',
    unit: 's/GiB',
    better: 'less',
    median: 10 * median,
    low: 0,
    high: 0,
    ratio,
    ...changes,
  };
}

function kinds(before: readonly Figure[], now: readonly Figure[]): string[] {
  return compareFigures('warm', before, now).map(({ kind }) => kind);
}

await tap.test(
  'worse and better are what lies outside both spreads, and further than five per cent',
  async (t) => {
    const published = figure('Berth', [2, 1.8, 2.2]);
    for (const [now, kind] of [
      [[2.5, 2.3, 2.6], 'worse'],
      [[2.5, 2.2, 2.6], 'same'],
      [[2, 1.8, 2.2], 'same'],
      [[1.5, 1.4, 1.8], 'same'],
      [[1.5, 1.4, 1.7], 'better'],
    ] as const) {
      t.same(kinds([published], [figure('Berth', now)]), [kind], String(now));
    }
    const exact = figure('Berth', [2, 2, 2]);
    t.same(kinds([exact], [figure('Berth', [2.09, 2.09, 2.09])]), ['same'], 'within five per cent');
    t.same(
      kinds([exact], [figure('Berth', [2.11, 2.11, 2.11])]),
      ['worse'],
      'one round has no spread of its own',
    );
  },
);

await tap.test('where more is better, less is worse', async (t) => {
  const more = { better: 'more' } as const;
  const published = figure('Berth', [0.8, 0.75, 0.85], more);
  t.same(kinds([published], [figure('Berth', [0.6, 0.5, 0.7], more)]), ['worse']);
  t.same(kinds([published], [figure('Berth', [1, 0.9, 1.1], more)]), ['better']);
});

await tap.test('a time alone is not compared, nor a row with itself', async (t) => {
  const { ratio: _, ...time } = figure('Berth', [1, 1, 1]);
  const itself = figure('nginx', [1, 1, 1]);
  t.same(kinds([time, itself], [{ ...time, median: 1000 }, itself]), []);
});

await tap.test('a figure that is a ratio by itself is compared', async (t) => {
  const { ratio: _, ...of } = figure('Berth', [1, 1, 1], { unit: '× the blob' });
  t.same(kinds([{ ...of, median: 1, low: 1, high: 1 }], [{ ...of, median: 2, low: 2, high: 2 }]), ['worse']);
});

await tap.test('a count may move by two per cent', async (t) => {
  const count = (median: number): Figure => {
    const { ratio: _, ...of } = figure('range', [median, median, median], { unit: 'instructions' });
    return { ...of, median, low: median, high: median };
  };
  t.same(kinds([count(1000)], [count(1020)]), ['same']);
  t.same(kinds([count(1000)], [count(1021)]), ['worse']);
  t.same(kinds([count(1000)], [count(979)]), ['better']);
});

await tap.test('a row that is gone fails, a new one does not; cases are told apart', async (t) => {
  const range: Range = [1, 1, 1];
  const comparisons = compareFigures(
    'warm',
    [figure('Berth', range), figure('Berth', range, { case: 'TLS' })],
    [figure('Berth', range), figure('Berth, two workers', range)],
  );
  t.match(comparisons, [
    { kind: 'same', name: 'warm, plain, Berth, CPU' },
    { kind: 'missing', name: 'warm, TLS, Berth, CPU', now: undefined },
    { kind: 'new', name: 'warm, plain, Berth, two workers, CPU', before: undefined },
  ]);
  t.same(comparisons.map(isFailure), [false, true, false]);
});

await tap.test('another best peer is shown, and the ratio to it compared', async (t) => {
  const before = figure('Berth', [1, 1, 1]);
  const now = figure('Berth', [2, 2, 2], { ratio: { to: 'varnish', median: 2, low: 2, high: 2 } });
  const text = formatComparisons(compareFigures('warm', [before], [now]));
  t.match(text, '| warm, plain, Berth, CPU | 1.00 (1.00–1.00) × nginx | 2.00 (2.00–2.00) × varnish |');
});

await tap.test('what is worse in one of two runs only is not worse', async (t) => {
  const published = [figure('a', [1, 1, 1]), figure('b', [1, 1, 1])];
  const first = compareFigures('warm', published, [figure('a', [2, 2, 2]), figure('b', [1, 1, 1])]);
  const second = compareFigures('warm', published, [figure('a', [2, 2, 2]), figure('b', [2, 2, 2])]);
  t.same(
    confirm(first, second).map(({ kind }) => kind),
    ['worse', 'same'],
  );
});

await tap.test('the report has the worst first, and says how much is as it was', async (t) => {
  const published = [figure('a', [1, 1, 1]), figure('b', [1, 1, 1]), figure('c', [1, 1, 1])];
  const now = [
    figure('a', [0.5, 0.5, 0.5]),
    figure('b', [2, 2, 2]),
    figure('c', [1, 1, 1]),
    figure('d', [1, 1, 1]),
  ];
  const text = formatComparisons(compareFigures('warm', published, now));
  t.same(text.match(/^## \w+/gm), ['## Worse', '## Better', '## New']);
  t.match(text, /\n1 of 4 as published\.$/);
});
