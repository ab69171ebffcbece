import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { startUpload } from './pushing.ts';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`;
const data = pseudoRandomBytes('push-ended', 100_000);

/** Waits until it is so, and fails where it does not become so. */
async function fact(is: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await is())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The client keeps its connection, and nothing of what it asked is under way any more. */
async function isOverOnOneConnection({ berth }: Scene): Promise<void> {
  await fact(async () => (await berth.metric('berth_http_requests_in_flight')) === 0);
  await fact(async () => (await berth.metric('berth_connections_open')) === 1);
}

t.test('H9 an upload that is done is no request under way any more', async (t) => {
  const scene = await openScene(t);
  const { location } = await startUpload(scene);
  const put = await scene.send(`${location}?digest=${digestOf(data)}`, { method: 'PUT', body: data });
  t.equal(put.status, 201);
  await isOverOnOneConnection(scene);
});

t.test('H9 nor are uploads to an upstream that is not there', async (t) => {
  const scene = await openScene(t);
  await scene.registry.close();
  for (const body of [data, data]) {
    const answer = await scene.send(`${UPLOADS}?digest=${digestOf(body)}`, { method: 'POST', body });
    t.equal(answer.status, 502);
  }
  await isOverOnOneConnection(scene);
});

/** More than all buffers between the client and Berth hold. */
const MUCH = Buffer.alloc(32 * 1024 * 1024, 'x');

/** An upload of a client that reads nothing before it has sent it all: what it hears. @throws where it is reset */
async function answerAfter(t: Test, scene: Scene, path: string): Promise<string> {
  const socket = connect(scene.berth.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const fields = ['Host: contoso.registry.example', `Content-Length: ${MUCH.length}`];
  for (const part of [[`PATCH ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n'), MUCH]) {
    await new Promise<void>((resolve, reject) => {
      socket.write(part, (error) => (error ? reject(error) : resolve()));
    });
  }
  const said: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(said).toString('latin1');
}

/** The beginning of an upload of which more is announced than comes: what is said to it, up to the end of its connection. */
async function answerAmid(t: Test, scene: Scene, method: string, path: string): Promise<string> {
  const socket = connect(scene.berth.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const said: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => said.push(chunk));
  const fields = ['Host: contoso.registry.example', `Content-Length: ${data.length * 2}`];
  socket.write([`${method} ${path} HTTP/1.1`, ...fields, '', ''].join('\r\n'));
  socket.write(data);
  await once(socket, 'end');
  return Buffer.concat(said).toString('latin1');
}

const AMID = {
  'the upstream hangs up': (answer: ServerResponse) => void answer.socket?.destroy(),
  'the upstream answers before it has read': (answer: ServerResponse) => {
    answer.writeHead(403, { 'content-type': 'application/json', 'content-length': 2 });
    answer.end('{}');
  },
} as const;

for (const [what, act] of Object.entries(AMID))
  for (const kind of ['blob', 'manifest'] as const) {
    t.test(
      `H9 what is still to come of an upload (${kind}) is read by nobody where ${what}: its connection ends`,
      async (t) => {
        const scene = await openScene(t, { tls: false, registry: { scheme: 'http' } });
        const { location } = await startUpload(scene);
        scene.registry.intercept = ({ response }) => {
          act(response);
          return true;
        };
        const said =
          kind === 'blob'
            ? await answerAmid(t, scene, 'PATCH', location)
            : await answerAmid(t, scene, 'PUT', `/v2/${REPOSITORY}/manifests/new`);
        t.match(said, /^HTTP\/1\.1 (502|403) /);
        t.match(said, /^connection: close\r$/im);
        await isOverOnOneConnection(scene);
      },
    );
  }

for (const [what, act] of Object.entries(AMID)) {
  t.test(`H9 a client that sends all of its upload where ${what} hears why it was in vain`, async (t) => {
    const scene = await openScene(t, { tls: false, registry: { scheme: 'http' } });
    const { location } = await startUpload(scene);
    scene.registry.intercept = ({ response }) => {
      act(response);
      return true;
    };
    const said = await answerAfter(t, scene, location);
    t.match(said, /^HTTP\/1\.1 (502|403) /);
    t.match(said, /^connection: close\r$/im);
    await isOverOnOneConnection(scene);
  });
}
