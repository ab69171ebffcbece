import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCli } from '../../../src/cli/create-program.ts';
import { testDeps } from '../../support/cli-deps.ts';
import { configFile } from '../../support/config-file.ts';
import { digestOf, INDEX_TYPE, MANIFEST_TYPE, pseudoRandomBytes } from '../../support/image.ts';
import { closeServer, listen } from '../../support/server.ts';

const layers = [1, 2, 3, 4].map((number) => pseudoRandomBytes(`odd ${number}`, 1000 * number));
const manifests = new Map<string, Buffer>();
const blobs = new Map(layers.map((layer) => [digestOf(layer), layer]));

function describe(content: Buffer, more: object = {}): object {
  return { digest: digestOf(content), size: content.length, mediaType: MANIFEST_TYPE, ...more };
}

function put(document: object, tag?: string): Buffer {
  const content = Buffer.from(JSON.stringify({ schemaVersion: 2, ...document }));
  manifests.set(digestOf(content), content);
  if (tag !== undefined) manifests.set(tag, content);
  return content;
}

const [first, second, third, fourth] = layers.map((layer) => ({
  digest: digestOf(layer),
  size: layer.length,
}));
const image = put({ config: first, layers: [second] }, 'image');
const other = put({ config: first, layers: [third] });
const attestation = put({ config: first, layers: [fourth] });
const inner = put({
  mediaType: INDEX_TYPE,
  manifests: [describe(other, { platform: { os: 'linux', architecture: 'arm64' } })],
});
put(
  {
    mediaType: INDEX_TYPE,
    manifests: [
      describe(image, { platform: { os: 'linux', architecture: 'amd64' } }),
      describe(inner, { mediaType: INDEX_TYPE }),
      describe(attestation, { platform: { os: 'unknown', architecture: 'unknown' } }),
    ],
  },
  'nested',
);

/** Answers what `instead` leaves alone as a registry does. */
type Instead = (request: IncomingMessage, response: ServerResponse) => boolean;

async function openWarm(t: Test, instead: Instead, ...args: string[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { url = '' } = request;
    asked.push(url);
    if (instead(request, response)) return;
    const [, kind, name = ''] = /\/(manifests|blobs)\/([^/?]+)$/.exec(url) ?? [];
    const content = (kind === 'blobs' ? blobs : manifests).get(name);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'docker-content-digest': digestOf(content), 'content-length': content.length });
    response.end(content);
  });
  const port = await listen(server);
  t.teardown(() => closeServer(server));
  const config = join(t.testdir({}), 'berth.yaml');
  const registry = { loginServer: `localhost:${port}`, scheme: 'http', delivery: 'inline' };
  writeFileSync(config, JSON.stringify(configFile(registry)));
  const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
  const exitCode = await runCli(['warm', ...args, '--connect', `127.0.0.1:${port}`], deps);
  return { exitCode, asked: asked.filter((url) => url.includes('/blobs/')), ...output };
}

const nothing: Instead = () => false;
const blobPath = (layer: Buffer | undefined) => `/v2/app/blobs/${digestOf(layer ?? Buffer.alloc(0))}`;

t.test('an index in an index, and what is for no platform', async (t) => {
  const amd = await openWarm(t, nothing, 'app:nested', '--platform', 'linux/amd64');
  t.equal(amd.exitCode, 0);
  t.same(amd.asked.toSorted(), layers.slice(0, 2).map(blobPath).toSorted());
  const arm = await openWarm(t, nothing, 'app:nested', '--platform', 'linux/arm64');
  t.same(arm.asked.toSorted(), [layers[0], layers[2]].map(blobPath).toSorted());
  t.match(await openWarm(t, nothing, 'app:nested', '--platform', 'linux/s390x'), {
    exitCode: 1,
    stderr:
      'nothing for linux/s390x: choose with --platform from linux/amd64, linux/arm64, unknown/unknown, or all',
  });
  const all = await openWarm(t, nothing, 'app:nested', '--platform', 'all', '-o', 'json');
  t.equal(all.exitCode, 0);
  t.same(all.asked.toSorted(), layers.map(blobPath).toSorted());
});

t.test('a token service that breaks off keeps no other image cold', async (t) => {
  let tokens = 0;
  const result = await openWarm(
    t,
    ({ url = '', headers }, response) => {
      const { host } = headers;
      if (url.startsWith('/token')) {
        tokens += 1;
        response.writeHead(200, { 'content-length': 1000 });
        response.write('{"token":', () => response.destroy());
        return true;
      }
      if (!url.startsWith('/v2/private/')) return false;
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="http://${host}/token",service="x"` })
        .end();
      return true;
    },
    'private:image',
    'app:image',
    '-o',
    'json',
  );
  t.match(result, { exitCode: 1, stderr: /private:image: the token service behind http:\S+ gave no token/ });
  t.equal(tokens, 1);
  t.match(JSON.parse(result.stdout), [{ image: 'app:image', blobs: 2 }]);
});

for (const status of [301, 302, 303, 307, 308]) {
  t.test(`${status} to storage is passthrough, and storage is not asked`, async (t) => {
    const result = await openWarm(
      t,
      ({ url = '' }, response) => {
        if (!url.includes('/blobs/')) return false;
        response.writeHead(status, { location: 'https://storage.example/x?sig=secret' }).end();
        return true;
      },
      'app:image',
    );
    t.match(result, { exitCode: 1, stderr: /delivery: passthrough/ });
    t.notMatch(result.stderr, /secret/);
  });
}

t.test('a kept connection that is closed under a request is no failure', async (t) => {
  const requests = new WeakMap<object, number>();
  const result = await openWarm(
    t,
    ({ socket }) => {
      const count = (requests.get(socket) ?? 0) + 1;
      requests.set(socket, count);
      if (count < 2) return false;
      socket.resetAndDestroy();
      return true;
    },
    'app:image',
    '--parallel',
    '1',
  );
  t.match(result, { exitCode: 0, stderr: '' });
});
