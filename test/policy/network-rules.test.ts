import t from 'tap';
import { createNetworkRules } from '../../src/policy/network-rules.ts';

type Rule = { readonly action: 'allow' | 'deny'; readonly value: string };

function decider(defaultAction: 'allow' | 'deny', ipRules: readonly Rule[], publicNetworkAccess = true) {
  const rules = createNetworkRules({ publicNetworkAccess, networkRules: { defaultAction, ipRules } });
  return (clientAddress: string, network: 'public' | 'private' = 'public') =>
    rules.decide({ clientAddress, network });
}

t.test('no rule lets everybody in, also who has no address', async (t) => {
  const decide = decider('allow', []);
  for (const address of ['192.0.2.1', '::1', '', 'unknown']) t.equal(decide(address), 'allowed', address);
});

t.test('an address that can not be read is in no rule, and kept out where there are some', async (t) => {
  const rows = [
    decider('allow', [{ action: 'deny', value: '192.0.2.0/24' }]),
    decider('deny', [
      { action: 'allow', value: '::/0' },
      { action: 'allow', value: '0.0.0.0/0' },
    ]),
  ];
  for (const decide of rows) {
    for (const address of ['', 'unknown', '192.0.2', '1.2.3.4.5'])
      t.equal(decide(address), 'network_rule', address);
    t.equal(decide('198.51.100.1'), 'allowed');
  }
});

t.test('public listeners come first', async (t) => {
  const decide = decider('deny', [{ action: 'allow', value: '192.0.2.1' }], false);
  t.equal(decide('192.0.2.1', 'public'), 'public_network');
  t.equal(decide('192.0.2.1', 'private'), 'allowed');
  t.equal(decide('192.0.2.2', 'private'), 'network_rule');
});

t.test('ten thousand rules of both families', async (t) => {
  const many = Array.from(
    { length: 10_000 },
    (_, i): Rule => ({
      action: 'allow',
      value: i % 2 === 0 ? `10.${(i >> 8) & 255}.${i & 255}.0/24` : `2001:db8:${i.toString(16)}::/48`,
    }),
  );
  const decide = decider('deny', many);
  t.equal(decide('10.39.14.200'), 'allowed');
  t.equal(decide('10.39.15.200'), 'network_rule', 'odd ones are of the other family');
  t.equal(decide('2001:db8:270f::1'), 'allowed');
});
