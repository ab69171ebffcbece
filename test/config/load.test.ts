import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { loadText, problemLines } from '../support/config-file.ts';

const root = join(import.meta.dirname, '../..');

for (const name of ['berth.yaml', 'sidecar.yaml']) {
  t.test(`the example config/${name} is right`, async (t) => {
    const fileName = join(root, 'config', name);
    const result = loadConfig({ text: readFileSync(fileName, 'utf8'), fileName, env: {} });
    t.match(result, { kind: 'ok' });
  });
}

t.test('everything that is wrong is told at once, in the order of the file', async (t) => {
  const lines = problemLines(`workers: 0
listeners:
  - port: "443"
log: { level: inof }
registries:
  - name: contoso
    loginServer: contoso.registry.example
    upstream: { url: https://contoso.azurecr.io/x }
    dataEndpoint: "{region}.contoso.registry.example"
    regions: [{ name: eastus, mach: [] }]
  - name: other
`);
  t.match(lines, [
    /^f:1:10: workers: 0 is out of range; write at least 1 and at most 64$/,
    /^f:3:11: listeners\[0\]\.port: must be a whole number, but is the text "443"; take the quotes away$/,
    /^f:4:15: log\.level: "inof" is none of .*; did you mean info\?$/,
    /^f:6:5: registries\[0\]\.redirectHosts: is empty/,
    /^f:8:22: registries\[0\]\.upstream\.url: has more than a scheme and a host; /,
    /^f:9:19: registries\[0\]\.dataEndpoint: .* is below the login server /,
    /^f:10:31: registries\[0\]\.regions\[0\]\.mach: is not a known field; did you mean match\?$/,
    /^f:11:5: registries\[1\]\.loginServer: is missing; /,
    /^f:11:5: registries\[1\]\.upstream: is missing; /,
    /^f:11:5: registries\[1\]\.dataEndpoint: /,
    /^f:11:5: registries\[1\]\.regions: /,
    /^f:11:5: registries\[1\]\.redirectHosts: /,
  ]);
});

t.test('what is no group of fields at all', async (t) => {
  t.same(problemLines(''), ['f:1:1: is empty; start with listeners: and registries:']);
  t.same(problemLines('- x\n'), ['f:1:1: is not a group of fields; start with listeners: and registries:']);
  t.match(problemLines('a: 1\na: 2\n'), [/^f:2:1: "a" is there twice .* on line 1; correct the YAML/]);
  t.match(problemLines('{}'), [/listeners: is missing/, /registries: is missing/]);
  t.match(problemLines('listeners: x\nregistries: {}\nlimits: 5\n'), [
    /^f:1:12: listeners: must be a list/,
    /^f:2:13: registries: must be a list/,
    /^f:3:9: limits: must be a group of fields/,
  ]);
});

t.test('the loaded form: canonical hosts, absolute paths, units', async (t) => {
  const result = loadText(`
listeners:
  - port: 8443
    tls: { certificates: [{ cert: tls/a.crt, key: /abs/a.key }] }
cache: { memoryMaxBytes: 1MiB }
registries:
  - name: contoso
    loginServer: Contoso.Registry.example:443
    aliases: ["[0:0:0:0:0:0:0:1]:5000"]
    upstream:
      url: https://Contoso.azurecr.io:443/
      caFile: ca.pem
      auth: { exec: { command: [helper, get] } }
    clients: { htpasswd: { file: users } }
    delivery: inline
    dataEndpoint: "{region}.ignored.example"
    redirectHosts: ["*.Blob.core.windows.net:443", { host: x.example, pathPattern: /x }]
`);
  if (result.kind === 'problems') {
    t.fail(JSON.stringify(result.problems));
    return;
  }
  t.match(result.config, {
    listeners: [{ port: 8443, tls: { certificates: [{ cert: '/etc/berth/tls/a.crt', key: '/abs/a.key' }] } }],
    cache: { memoryMaxBytes: 2 ** 20 },
    ticket: { keyFile: '/etc/berth/ticket.keys' },
  });
  t.match(result.config.registries[0], {
    loginServer: 'contoso.registry.example',
    aliases: ['[::1]:5000'],
    upstream: {
      url: 'https://contoso.azurecr.io',
      caFile: '/etc/berth/ca.pem',
      auth: { kind: 'exec', command: ['helper', 'get'], timeoutSeconds: 10 },
    },
    clients: { anonymous: false, htpasswdFile: '/etc/berth/users', mtls: false, networks: [] },
    delivery: 'inline',
    dataEndpoint: null,
    redirectHosts: [
      { host: '*.blob.core.windows.net', pathPattern: null },
      { host: 'x.example', pathPattern: '/x' },
    ],
  });
});

t.test('transfers of one client: a quarter of the connections, or what is written', async (t) => {
  const limitOf = (limits: string) => {
    const result = loadText(`
listeners: [{ port: 8080 }]
limits: ${limits}
registries: [{ name: a, loginServer: a.example, upstream: { url: "https://u.example" }, delivery: passthrough }]
`);
    return result.kind === 'ok' ? result.config.limits.transfersPerClient : result.problems;
  };
  t.equal(limitOf('{}'), 256);
  t.equal(limitOf('{ upstreamConnections: 8 }'), 2);
  t.equal(limitOf('{ upstreamConnections: 1 }'), 1);
  t.equal(limitOf('{ upstreamConnections: 8, transfersPerClient: 7 }'), 7);
  t.equal(limitOf('{ transfersPerClient: null }'), null);
});
