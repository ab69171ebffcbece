import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

t.test('dedicated needs a data endpoint, regions and redirect hosts', async (t) => {
  const lines = problemLines(configFile({ dataEndpoint: null, regions: [], redirectHosts: [] }));
  t.match(lines, [
    /dataEndpoint: is missing, and delivery: dedicated needs it; add a pattern such as .*inline/,
    /redirectHosts: is empty.*; list the storage hosts/,
    /regions: is empty, and delivery: dedicated needs one; add at least one/,
  ]);
  for (const delivery of ['inline', 'passthrough']) {
    const registry = { delivery, dataEndpoint: null, regions: [], redirectHosts: [] };
    t.same(problemLines(configFile(registry)), [], delivery);
  }
});

t.test('dataEndpointEnabled is another spelling of delivery', async (t) => {
  t.same(problemLines(configFile({ delivery: 'dedicated', dataEndpointEnabled: true })), []);
  t.same(problemLines(configFile({ delivery: 'passthrough', dataEndpointEnabled: false })), []);
  t.match(problemLines(configFile({ delivery: 'dedicated', dataEndpointEnabled: false })), [
    /dataEndpointEnabled: false contradicts delivery: dedicated; keep only delivery/,
  ]);
  t.match(problemLines(configFile({ delivery: 'inline', dataEndpointEnabled: true })), [/true contradicts/]);
});

t.test('namespaces', async (t) => {
  t.match(problemLines(configFile({ namespaces: ['docker.io', 'quay.io', 'index.docker.io'] })), [
    /namespaces\[2\]: "index\.docker\.io" is claimed twice: "docker\.io" is the same source host; remove one/,
  ]);
  t.match(problemLines(configFile({ namespaces: ['https://quay.io', '*.io'] })), [
    /namespaces\[0\]: ".*" is not a host; write host or host:port/,
    /namespaces\[1\]: ".*" is not a host/,
  ]);
});

t.test('a redirect host never permits hosts of anybody', async (t) => {
  for (const pattern of ['*', '*.*', '*.com', '*.*.com', '*:443', '*.blob.*', '127.0.0.*', 'blob*']) {
    const lines = problemLines(configFile({ redirectHosts: [pattern] }));
    t.match(
      lines,
      [/redirectHosts\[0\]: "[^"]+" permits hosts of anybody; name at least the last two labels/],
      pattern,
    );
  }
  for (const pattern of [
    '*.blob.core.windows.net',
    'a*.s3.*.amazonaws.com',
    '127.0.0.1:9',
    '*.localhost:9',
    'cdn',
  ]) {
    t.same(problemLines(configFile({ redirectHosts: [pattern] })), [], pattern);
  }
  for (const pattern of ['https://a.example', 'a.example/x', 'a b', 'a.example:99999']) {
    const lines = problemLines(configFile({ redirectHosts: [{ host: pattern }] }));
    t.match(lines, [/redirectHosts\[0\]\.host: ".*" is not a host pattern; write/], pattern);
  }
});

t.test('a path pattern is a regular expression', async (t) => {
  const host = '*.blob.core.windows.net';
  t.same(problemLines(configFile({ redirectHosts: [{ host, pathPattern: '/[0-9a-f-]+//docker/.*' }] })), []);
  t.match(problemLines(configFile({ redirectHosts: [{ host, pathPattern: '(' }] })), [
    /redirectHosts\[0\]\.pathPattern: Invalid regular expression.*; write a JavaScript/,
  ]);
});

t.test('regions', async (t) => {
  t.match(problemLines(configFile({ regions: [{ name: 'a' }, { name: 'a', match: ['http://x'] }] })), [
    /regions\[1\]\.name: "a" is there twice; put all patterns/,
    /regions\[1\]\.match\[0\]: "http:\/\/x" is not a host pattern/,
  ]);
  t.same(
    problemLines(configFile({ regions: [{ name: 'a', match: ['*', '*.net'] }] })),
    [],
    'they do not permit',
  );
});

t.test(
  'a preset brings its storage hosts: where it could not be used, what kept it from that is told, and nothing else',
  (t) => {
    const registry = { preset: 'acr', redirectHosts: undefined, upstream: { url: 'contoso.azurecr.io' } };
    const lines = problemLines(configFile(registry));
    t.equal(lines.length, 1, lines.join('\n'));
    t.match(lines[0], /upstream\.url: is not an http or https URL/);
    t.end();
  },
);
