import type { SectionRun } from './bench.ts';
import { formatTable } from './markdown.ts';
import { measureNetworkRules, type RuleFigures } from './network-rules.ts';
import { formatSpread, spread } from './statistics.ts';

/** What network rules cost per decision. */
export const NETWORK_RULES: SectionRun = {
  name: 'network-rules',
  title: 'Network rules',
  async run({ options }) {
    return formatRules(Array.from({ length: options.rounds }, measureNetworkRules));
  },
};

/** Text of the section: one figure of each row per round. */
export function formatRules(rounds: readonly RuleFigures[]): string {
  const row = (name: string, values: readonly number[]): string[] => [
    name,
    formatSpread(spread(values)),
    formatSpread(spread(values.map((value, round) => value / (rounds[round]?.one ?? Number.NaN)))),
  ];
  const one = rounds.map((round) => round.one);
  const many = rounds.map((round) => round.many);
  return `One decision about an address that no rule names, half of them IPv4, in the benchmark's own process; both rows in each round.

${formatTable(['', 'µs per decision', '× one rule'], [row('1 rule', one), row('10,000 rules', many)])}`;
}
