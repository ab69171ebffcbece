import tap from 'tap';

import { type Column, type Row, tabulate, tabulateCases } from '../../bench/tabulate.ts';

const COLUMN: Column<number> = {
  head: 's',
  metric: 'time',
  unit: 's',
  better: 'less',
  value: (round) => round,
};
const ROWS: readonly Row<number>[] = [
  { name: 'Berth', case: 'plain', rounds: [4, 8] },
  { name: 'slow', case: 'plain', peer: true, rounds: [8, 8] },
  { name: 'fast', case: 'plain', peer: true, rounds: [2, 2] },
  { name: 'Berth', case: 'TLS', rounds: [3, 3] },
  { name: 'slow', case: 'TLS', peer: true, rounds: [2, 4] },
];

await tap.test('the best peer is found in each case, and ratios are taken within a round', async (t) => {
  const { markdown, figures } = tabulate(ROWS, [{ ...COLUMN, ratio: { head: '×', to: 'best peer' } }]);
  t.match(markdown, '|  | s | × |');
  t.match(markdown, '| Berth, plain | 6.00 (4.00–8.00) | 3.00 (2.00–4.00) |');
  t.match(markdown, '| fast, plain | 2.00 (2.00–2.00) | 1.00 (1.00–1.00) |');
  t.match(markdown, '| Berth, TLS | 3.00 (3.00–3.00) | 1.13 (0.75–1.50) |');
  t.match(figures[0], {
    case: 'plain',
    row: 'Berth',
    metric: 'time',
    unit: 's',
    better: 'less',
    median: 6,
    low: 4,
    high: 8,
    ratio: { to: 'fast', median: 3, low: 2, high: 4 },
  });
  t.match(figures[3], { case: 'TLS', ratio: { to: 'slow' } });
});

await tap.test('where more is better, the best is who has most', async (t) => {
  const column = { ...COLUMN, better: 'more', ratio: { head: '×', to: 'best peer' } } as const;
  t.match(tabulate(ROWS, [column]).figures[0], { ratio: { to: 'slow', median: 0.75 } });
});

await tap.test('a row without a figure has an empty cell and no figure', async (t) => {
  const rows: readonly Row<number | undefined>[] = [
    { name: 'has', rounds: [1] },
    { name: 'has not', rounds: [undefined] },
  ];
  const column = { ...COLUMN, value: (round: number | undefined) => round, absent: 'none' };
  const { markdown, figures } = tabulate(rows, [column]);
  t.match(markdown, '| has not | none |');
  t.equal(figures.length, 1);
});

await tap.test('only the most, and other digits', async (t) => {
  t.match(tabulate(ROWS, [{ ...COLUMN, most: true, digits: 0 }]).markdown, '| Berth, plain | 8 |');
});

await tap.test('cases beside one another', async (t) => {
  const { markdown, figures } = tabulateCases(ROWS, COLUMN);
  t.match(markdown, '|  | plain | TLS |');
  t.match(markdown, '| Berth | 6.00 (4.00–8.00) | 3.00 (3.00–3.00) |');
  t.match(markdown, '| fast | 2.00 (2.00–2.00) |  |');
  t.equal(figures.length, ROWS.length);
});
