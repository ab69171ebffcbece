import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCli } from '../../../src/cli/create-program.ts';
import { testDeps } from '../../support/cli-deps.ts';
import { configFile } from '../../support/config-file.ts';
import { digestOf, MANIFEST_TYPE, pseudoRandomBytes } from '../../support/image.ts';
import { closeServer, listen } from '../../support/server.ts';

const blob = pseudoRandomBytes('interrupted', 100_000);
const digest = digestOf(blob);
const layer = { mediaType: 'x', digest, size: blob.length };
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }));

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A login server that answers each request for the blob as the test says; and the command before it. */
async function openWarm(t: Test, answer: Answer, parts: { manifest?: Buffer } = {}) {
  const content = parts.manifest ?? manifest;
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    if (request.url?.includes('/manifests/') === true) {
      response.writeHead(200, {
        'content-type': MANIFEST_TYPE,
        'docker-content-digest': digestOf(content),
        'content-length': content.length,
      });
      response.end(content);
      return;
    }
    ranges.push(request.headers.range);
    answer(request, response, ranges.length);
  });
  const port = await listen(server);
  t.teardown(() => closeServer(server));
  const config = join(t.testdir({}), 'berth.yaml');
  const registry = { loginServer: `localhost:${port}`, scheme: 'http', delivery: 'inline' };
  writeFileSync(config, JSON.stringify(configFile(registry)));
  const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
  const exitCode = await runCli(['warm', 'app:1', '--connect', `127.0.0.1:${port}`], deps);
  return { exitCode, ranges, ...output };
}

/** The blob from there on, as far as `to`. */
function send(response: ServerResponse, from: number, to: number = blob.length): void {
  response.writeHead(from === 0 ? 200 : 206, {
    'content-length': blob.length - from,
    ...(from > 0 && { 'content-range': `bytes ${from}-${blob.length - 1}/${blob.length}` }),
  });
  response.write(blob.subarray(from, to), () => {
    if (to < blob.length) response.destroy();
    else response.end();
  });
}

t.test('a transfer that breaks off goes on where it stopped', async (t) => {
  const result = await openWarm(t, (request, response, count) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    send(response, from, count < 4 ? from + 20_000 : undefined);
  });
  t.match(result, { exitCode: 0, stderr: '' });
  t.equal(result.ranges[0], undefined);
  t.equal(result.ranges.length, 4);
  for (const range of result.ranges.slice(1)) t.match(range, /^bytes=[1-9]\d*-$/);
});

t.test('or from its beginning where the whole comes', async (t) => {
  const result = await openWarm(t, (_request, response, count) =>
    send(response, 0, count === 1 ? 20_000 : undefined),
  );
  t.match(result, { exitCode: 0, ranges: { length: 2 } });
});

t.test('one that never gets further is given up', async (t) => {
  const result = await openWarm(t, (_request, response) => {
    response.writeHead(200, { 'content-length': blob.length });
    response.flushHeaders();
    response.write('', () => response.destroy());
  });
  t.match(result, { exitCode: 1, stderr: /broke off after 0 of 100000 bytes/, ranges: { length: 3 } });
});

t.test('another range, and more than the manifest says, are refused', async (t) => {
  const other = await openWarm(t, (_request, response, count) =>
    send(response, count === 1 ? 0 : 5, count === 1 ? 20_000 : undefined),
  );
  t.match(other, { exitCode: 1, stderr: /another range came than the one that begins at \d+/ });
  const more = await openWarm(t, (_request, response) => response.end(Buffer.concat([blob, blob])));
  t.match(more, { exitCode: 1, stderr: /more than the 100000 bytes of its manifest/ });
});

t.test('429 and 503 are waited for, but not for ever', async (t) => {
  const busy = (response: ServerResponse, seconds: string) => {
    response.writeHead(429, { 'retry-after': seconds, 'content-length': 0 });
    response.end();
  };
  t.match(
    await openWarm(t, (_request, response, count) => (count < 4 ? busy(response, '0') : send(response, 0))),
    { exitCode: 0, ranges: { length: 4 } },
  );
  t.match(await openWarm(t, (_request, response) => busy(response, '0')), {
    exitCode: 1,
    stderr: /was answered 429/,
    ranges: { length: 6 },
  });
  t.match(await openWarm(t, (_request, response) => busy(response, '3600')), {
    exitCode: 1,
    ranges: { length: 1 },
  });
});

t.test('what an answer says can not write on the terminal as it pleases', async (t) => {
  const result = await openWarm(t, (_request, response) => {
    response.writeHead(403);
    response.end('{"errors":[{"code":"DENIED","message":"no \u001b[31m red \u0007"}]}');
  });
  t.match(result, { exitCode: 1, stderr: /was answered 403: no {2}\[31m red/ });
  for (const control of ['\u001b', '\u0007']) t.notOk(result.stderr.includes(control));
});

t.test('a manifest of another kind, and a wrong one', async (t) => {
  const send200: Answer = (_request, response) => send(response, 0);
  const schema1 = Buffer.from('{"schemaVersion":1,"fsLayers":[]}');
  t.match(await openWarm(t, send200, { manifest: schema1 }), {
    exitCode: 1,
    stderr: /none of OCI or Docker schema 2/,
    ranges: { length: 0 },
  });
});
