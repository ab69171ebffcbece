import t from 'tap';
import { configFile, loadedRegistry, problemLines } from '../support/config-file.ts';

const url = 'https://contoso.westus.geo.azurecr.io';

function problemsOf(registry: Record<string, unknown>): string[] {
  return problemLines(configFile(registry)).map((line) => line.replace(/^f:1:\d+: registries\[0\]\./, ''));
}

t.test('a second region with an upstream, clients and served regions', async (t) => {
  const registry = loadedRegistry({
    regions: [
      { name: 'eastus', clients: ['10.0.0.0/8'] },
      { name: 'westus', upstream: { url: `${url}/` }, clients: ['10.1.0.0/16'] },
    ],
    serveRegions: ['westus'],
    homeRegion: 'eastus',
  });
  t.match(registry, {
    regions: [
      { name: 'eastus', upstream: null, clients: ['10.0.0.0/8'] },
      { name: 'westus', upstream: { url, auth: null }, clients: ['10.1.0.0/16'] },
    ],
    serveRegions: ['westus'],
    homeRegion: 'eastus',
    replicationSeconds: 300,
  });
  t.match(loadedRegistry(), { serveRegions: 'all', homeRegion: null });
});

t.test('what is wrong with an upstream of a region', async (t) => {
  const regions = (upstream: Record<string, unknown>) => ({
    regions: [{ name: 'eastus' }, { name: 'westus', upstream }],
  });
  const rows: [Record<string, unknown>, RegExp][] = [
    [regions({ url: 'westus.example' }), /^regions\[1\]\.upstream\.url: is not an http or https URL; /],
    [regions({ url: `${url}/path` }), /^regions\[1\]\.upstream\.url: has more than a scheme and a host; /],
    [
      regions({ url: 'http://west.example' }),
      /^regions\[1\]\.upstream\.url: has another scheme than upstream\.url \(https\); /,
    ],
    [regions({ url: 'https://10.0.0.1' }), /^regions\[1\]\.upstream\.url: 10\.0\.0\.1 is a private address/],
    [
      regions({ url: 'https://contoso.azurecr.io' }),
      /^regions\[1\]\.upstream\.url: is the same as upstream\.url of the registry; /,
    ],
    [
      regions({ url, auth: { file: 'f' } }),
      /^regions\[1\]\.upstream\.auth: would let everybody in .*; remove it/,
    ],
    [
      regions({ url, caFile: 'x' }),
      /^regions\[1\]\.upstream\.caFile: is not a known field; known here: url, auth/,
    ],
    [regions({}), /^regions\[1\]\.upstream\.url: is missing; /],
    [
      { regions: [{ name: 'eastus', upstream: { url } }] },
      /^regions\[0\]\.upstream: "eastus" is the home region/,
    ],
    [{ ...regions({ url }), homeRegion: 'westus' }, /^regions\[1\]\.upstream: "westus" is the home region/],
    [
      { regions: [{ name: 'a' }, { name: 'b', upstream: { url } }, { name: 'c', upstream: { url } }] },
      /^regions\[2\]\.upstream\.url: is the same as that of region b; /,
    ],
  ];
  for (const [registry, problem] of rows) {
    const lines = problemsOf(registry);
    t.match(lines, [problem], String(problem));
    t.equal(lines.length, 1, lines.join('\n'));
  }
});

t.test('own credentials in a region go with own credentials at home', async (t) => {
  const registry = {
    upstream: { url: 'https://contoso.azurecr.io', auth: { file: 'home' } },
    clients: { anonymous: true },
    regions: [{ name: 'eastus' }, { name: 'westus', upstream: { url, auth: { file: 'west' } } }],
  };
  t.same(problemsOf(registry), []);
  const both = { file: 'west', exec: { command: ['x'] } };
  const wrong = {
    ...registry,
    regions: [{ name: 'eastus' }, { name: 'westus', upstream: { url, auth: both } }],
  };
  t.match(problemsOf(wrong), [/^regions\[1\]\.upstream\.auth: names file and exec; keep exactly one of /]);
});

t.test('clients, home and served regions', async (t) => {
  const named = { regions: [{ name: 'eastus' }, { name: 'westus' }] };
  const rows: [Record<string, unknown>, RegExp][] = [
    [
      { regions: [{ name: 'a', clients: ['10.0.0/8'] }] },
      /^regions\[0\]\.clients\[0\]: "10\.0\.0\/8" is not a CIDR; /,
    ],
    [
      {
        regions: [
          { name: 'a', clients: ['10.0.0.0/8'] },
          { name: 'b', clients: ['10.1.2.3/8'] },
        ],
      },
      /^regions\[1\]\.clients\[0\]: "10\.1\.2\.3\/8" is also a network of region a; /,
    ],
    [
      { ...named, homeRegion: 'westeu' },
      /^homeRegion: "westeu" is no region of this registry; did you mean westus\?/,
    ],
    [{ ...named, serveRegions: [] }, /^serveRegions: names no region/],
    [
      { ...named, serveRegions: 'eastus' },
      /^serveRegions: "eastus" is neither all nor a list; write all, or a list of regions: \[eastus\]/,
    ],
    [
      { ...named, serveRegions: ['eastus', 'north'] },
      /^serveRegions\[1\]: "north" is no region of this registry; /,
    ],
  ];
  for (const [registry, problem] of rows) {
    const lines = problemsOf(registry);
    t.match(lines, [problem], String(problem));
    t.equal(lines.length, 1, lines.join('\n'));
  }
});
