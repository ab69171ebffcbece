import t from 'tap';
import { configFile, loaded, problemLines } from '../support/config-file.ts';

function problems(
  networkRules: unknown,
  top: Record<string, unknown> = {},
  more: Record<string, unknown> = {},
) {
  return problemLines(configFile({ networkRules, ...more }, top)).map((line) =>
    line.replace(/^f:\d+:\d+: /, ''),
  );
}

t.test('sound rules, and what they become', async (t) => {
  const networkRules = {
    defaultAction: 'deny',
    ipRules: [{ value: '192.0.2.0/24' }, { action: 'deny', value: '192.0.2.9' }, { value: '2001:db8::/32' }],
  };
  const file = configFile(
    { networkRules, publicNetworkAccess: false },
    { listeners: [{ port: 443, network: 'private' }] },
  );
  const { listeners, registries } = loaded(file);
  t.match(registries[0], {
    publicNetworkAccess: false,
    networkRules: {
      defaultAction: 'deny',
      ipRules: [{ action: 'allow' }, { action: 'deny' }, { action: 'allow' }],
    },
  });
  t.equal(listeners[0]?.network, 'private');
  t.match(loaded(configFile()), {
    listeners: [{ network: 'public' }],
    audit: { file: null },
    registries: [
      {
        publicNetworkAccess: true,
        networkRules: { defaultAction: 'allow', ipRules: [] },
        rules: { repositories: [] },
      },
    ],
  });
});

t.test('what is wrong, where, and what to do', async (t) => {
  const allow = (value: string) => ({ value });
  const deny = (value: string) => ({ action: 'deny', value });
  const rows: readonly (readonly [unknown, RegExp])[] = [
    [
      { defaultAction: 'deny', ipRules: [allow('10.0.0.0/33')] },
      /ipRules\[0\]\.value: "10\.0\.0\.0\/33" is not a CIDR; write/,
    ],
    [{ ipRules: [deny('host.example')] }, /ipRules\[0\]\.value: "host\.example" is not a CIDR/],
    [
      { ipRules: [allow('10.0.0.0/8')] },
      /ipRules\[0\]: allow "10\.0\.0\.0\/8" has no effect.*defaultAction: deny/,
    ],
    [
      { defaultAction: 'deny', ipRules: [allow('10.1.0.0/16'), deny('10.0.0.0/8')] },
      /ipRules\[0\]: allow "10\.1\.0\.0\/16" can never match: the deny rule for 10\.0\.0\.0\/8/,
    ],
    [
      { defaultAction: 'deny', ipRules: [allow('2001:db8:1::/48'), deny('2001:db8::/32')] },
      /can never match/,
    ],
    [
      { defaultAction: 'deny', ipRules: [allow('10.0.0.1'), allow('10.0.0.1/32')] },
      /ipRules\[1\]: "10\.0\.0\.1\/32" is there twice: ipRules\[0\]/,
    ],
    [{ defaultAction: 'deny' }, /networkRules\.defaultAction: lets nobody in/],
    [{ defaultAction: 'deny', ipRules: [deny('10.0.0.0/8')] }, /lets nobody in/],
    [{ defaultAction: 'block' }, /none of allow, deny/],
  ];
  for (const [networkRules, expected] of rows) {
    const lines = problems(networkRules);
    t.equal(lines.length, 1, lines.join('\n'));
    t.match(lines[0], expected);
  }
  t.strictSame(
    problems({ defaultAction: 'deny', ipRules: [allow('10.0.0.0/8'), deny('10.1.0.0/16')] }),
    [],
    'a hole in a network',
  );
});

t.test('a registry that no listener serves', async (t) => {
  const closed = { publicNetworkAccess: false };
  t.match(problems({}, {}, closed), [
    /publicNetworkAccess: closes the registry to every listener: none is private/,
  ]);
  t.strictSame(problems({}, { listeners: [{ port: 443 }, { port: 444, network: 'private' }] }, closed), []);
});

t.test('ten thousand rules are taken, and no more', async (t) => {
  const ipRules = Array.from({ length: 10_000 }, (_, i) => ({ value: `10.${i >> 8}.${i & 255}.0/24` }));
  t.strictSame(problems({ defaultAction: 'deny', ipRules }), []);
  const more = problems({ defaultAction: 'deny', ipRules: [...ipRules, { value: '192.0.2.1' }] });
  t.match(more.join(), /ipRules: has more than 10000 entries/);
});
