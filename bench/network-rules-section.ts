import type { SectionResult, SectionRun } from './bench.ts';
import { measureNetworkRules, type RuleFigures } from './network-rules.ts';
import { tabulate } from './tabulate.ts';

const ONE = '1 rule';

/** What network rules cost per decision. */
export const NETWORK_RULES: SectionRun = {
  name: 'network-rules',
  title: 'Network rules',
  async run({ options }) {
    return describeRules(Array.from({ length: options.rounds }, measureNetworkRules));
  },
};

/** One figure of each row per round. */
export function describeRules(rounds: readonly RuleFigures[]): SectionResult {
  const { markdown, figures } = tabulate(
    [
      { name: ONE, rounds: rounds.map(({ one }) => one) },
      { name: '10,000 rules', rounds: rounds.map(({ many }) => many) },
    ],
    [
      {
        head: 'µs per decision',
        metric: 'time per decision',
        unit: 'µs',
        better: 'less',
        value: (microseconds) => microseconds,
        ratio: { head: '× one rule', to: { row: ONE } },
      },
    ],
  );
  return {
    figures,
    markdown: `One decision about an address that no rule names, half of them IPv4, in the benchmark's own process; both rows in each round.

${markdown}`,
  };
}
