import tap from 'tap';

import { formatRules } from '../../bench/network-rules-section.ts';

await tap.test('ratios are taken within a round, not between medians', async (t) => {
  const text = formatRules([
    { one: 1, many: 2 },
    { one: 2, many: 2 },
    { one: 4, many: 2 },
  ]);
  t.match(text, '| 1 rule | 2.00 (1.00–4.00) | 1.00 (1.00–1.00) |');
  t.match(text, '| 10,000 rules | 2.00 (2.00–2.00) | 1.00 (0.50–2.00) |');
});
