import tap from 'tap';

import { describeRules } from '../../bench/network-rules-section.ts';

await tap.test('ratios are taken within a round, not between medians', async (t) => {
  const { markdown: text, figures } = describeRules([
    { one: 1, many: 2 },
    { one: 2, many: 2 },
    { one: 4, many: 2 },
  ]);
  t.match(text, '| 1 rule | 2.00 (1.00–4.00) | 1.00 (1.00–1.00) |');
  t.match(text, '| 10,000 rules | 2.00 (2.00–2.00) | 1.00 (0.50–2.00) |');
  t.match(figures[1], {
    row: '10,000 rules',
    unit: 'µs',
    median: 2,
    low: 2,
    high: 2,
    ratio: { to: '1 rule', median: 1, low: 0.5, high: 2 },
  });
});
