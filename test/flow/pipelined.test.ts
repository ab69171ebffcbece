import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { openScene, REPOSITORY, type Scene } from './scene.ts';

const openPlain = (t: Parameters<typeof openScene>[0]): Promise<Scene> =>
  openScene(t, { tls: false, registry: { delivery: 'inline', scheme: 'http' } });

/** Waits until it is so, and fails where it does not become so. */
async function fact(is: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await is())) {
    if (Date.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Of one client that sends all of these before it reads anything; the last one ends the connection. */
async function sendAll(scene: Scene, requests: readonly string[]): Promise<string> {
  const socket = connect({ port: scene.berth.port, host: '127.0.0.1' });
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.write(requests.join(''));
  await once(socket, 'close');
  return Buffer.concat(pieces).toString('latin1');
}

t.test(
  'H9 answers come in the order of the requests, those from memory too, each of its own length',
  async (t) => {
    const scene = await openPlain(t);
    const byDigest = `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`;
    await scene.send(byDigest);
    await fact(async () => (await scene.berth.metric('berth_http_requests_in_flight')) === 0);
    const before = await scene.berth.metric('berth_http_requests_total');
    const durations = await scene.berth.metric('berth_http_request_duration_seconds_count');
    scene.berth.log.length = 0;
    const request = (id: string, line: string, ...fields: string[]) =>
      [line, 'Host: contoso.registry.example', `X-Request-Id: ${id}`, ...fields, '', ''].join('\r\n');
    const text = await sendAll(scene, [
      request('one', `GET /v2/${REPOSITORY}/manifests/latest HTTP/1.1`),
      request('two', `GET ${byDigest} HTTP/1.1`),
      request('three', `HEAD ${byDigest} HTTP/1.1`),
      request('four', `GET ${byDigest} HTTP/1.1`, `If-None-Match: "${scene.manifestDigest}"`),
      request('five', `GET ${byDigest} HTTP/1.1`, 'Content-Length: 5') + 'hello',
      request('six', `GET ${byDigest} HTTP/1.1`, 'Expect: 100-continue', 'Content-Length: 0'),
      request('seven', `GET ${byDigest} HTTP/1.0`),
    ]);
    const content = scene.manifest.toString();
    const answers = text.replaceAll('HTTP/1.1 100 Continue\r\n\r\n', '').split(/(?=HTTP\/1\.1 )/);
    const parsed = answers.map((answer) => {
      const end = answer.indexOf('\r\n\r\n');
      const ids = [...answer.slice(0, end).matchAll(/^x-request-id: (.*)$/gim)].map(([, id]) => id?.trim());
      const body = answer.slice(end + 4);
      const versions = [...answer.slice(0, end).matchAll(/^docker-distribution-api-version: /gim)].length;
      return [ids.join(), answer.slice(9, 12), body === content ? 'manifest' : body, versions];
    });
    t.strictSame(parsed, [
      ['one', '200', 'manifest', 1],
      ['two', '200', 'manifest', 1],
      ['three', '200', '', 1],
      ['four', '304', '', 1],
      ['five', '200', 'manifest', 1],
      ['six', '200', 'manifest', 1],
      ['seven', '200', 'manifest', 1],
    ]);
    await fact(async () => (await scene.berth.metric('berth_http_requests_in_flight')) === 0);
    t.equal(await scene.berth.metric('berth_http_requests_total'), before + 7);
    t.equal(await scene.berth.metric('berth_http_request_duration_seconds_count'), durations + 7);
    const lines = scene.berth.log.filter(({ msg }) => msg === 'request').map(({ requestId }) => requestId);
    t.strictSame(lines, ['one', 'two', 'three', 'four', 'five', 'six', 'seven'], 'a line for each');
  },
);

t.test('H7 a client that leaves with answers from memory in line leaves nothing behind', async (t) => {
  const scene = await openPlain(t);
  const byDigest = `/v2/${REPOSITORY}/manifests/${scene.manifestDigest}`;
  await scene.send(byDigest);
  scene.storage.fault = { kind: 'silent' };
  scene.berth.log.length = 0;
  const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: contoso.registry.example\r\n\r\n`;
  const socket = connect({ port: scene.berth.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.write(line(scene.blobPath) + line(byDigest) + line(byDigest));
  await fact(async () => (await scene.berth.metric('berth_http_requests_in_flight')) >= 3);
  socket.resetAndDestroy();
  await fact(async () => (await scene.berth.metric('berth_http_requests_in_flight')) === 0);
  await fact(async () => scene.berth.log.filter(({ msg }) => msg === 'request').length >= 3);
  const statuses = scene.berth.log.filter(({ msg }) => msg === 'request').map(({ status }) => status);
  t.strictSame(statuses, [499, 499, 499]);
});
