import { createNetworkRules } from '../src/policy/network-rules.ts';

/** Decisions of one measurement: some 10 ms, long against the clock's grain and short against a round. */
const DECISIONS = 10_000;
/** The least of so many is taken: whatever else ran on the machine only ever adds. */
const REPEATS = 10;
const MANY_RULES = 10_000;

/** Microseconds per decision. */
export type RuleFigures = { one: number; many: number };

/** One round: what it costs to decide about one address with one rule, and with ten thousand. */
export function measureNetworkRules(): RuleFigures {
  return { one: measure(1), many: measure(MANY_RULES) };
}

function measure(count: number): number {
  const ipRules = Array.from({ length: count }, (_, i) => ({
    action: 'allow' as const,
    value: i % 2 === 0 ? `10.${(i >> 8) & 255}.${i & 255}.0/24` : `2001:db8:${i.toString(16)}::/48`,
  }));
  const rules = createNetworkRules({
    publicNetworkAccess: true,
    networkRules: { defaultAction: 'deny', ipRules },
  });
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const start = performance.now();
    for (let i = 0; i < DECISIONS; i += 1) {
      // Outside all rules, so that none of them ends the search early.
      const clientAddress = i % 2 === 0 ? `192.0.2.${i % 250}` : `2001:db9::${i.toString(16)}`;
      if (rules.decide({ clientAddress, network: 'public' }) !== 'network_rule') {
        throw new Error(`${clientAddress} is in none of the rules`);
      }
    }
    times.push(performance.now() - start);
  }
  return (Math.min(...times) / DECISIONS) * 1000;
}
