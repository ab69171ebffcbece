import { createServer, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { sendManifest } from '../../src/login-server/send-manifest.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { closeServer, listen } from '../support/server.ts';

/** Counts what is written at a time. */
class CountingResponse extends ServerResponse {
  readonly writes: number[] = [];

  override write(chunk: Buffer): boolean {
    this.writes.push(chunk.length);
    return super.write(chunk);
  }
}

/** A server whose answer is a manifest of this content. */
async function serveManifest(t: Test, content: Buffer) {
  const parsed = parseDigest(digestOf(content));
  if (parsed.kind !== 'ok') throw new Error('digest');
  const { digest } = parsed;
  const answered = Promise.withResolvers<CountingResponse>();
  const server = createServer({ ServerResponse: CountingResponse }, (request, response) => {
    const known = { kind: 'manifest', digest, mediaType: 'a/b', length: content.length } as const;
    sendManifest(request, response, 'id', known, content);
    answered.resolve(response);
  });
  t.teardown(() => closeServer(server));
  return { port: await listen(server), answered: answered.promise };
}

t.test('a large manifest is written as the client takes it, and comes whole', async (t) => {
  const content = pseudoRandomBytes('manifest', 4 * 1024 * 1024);
  const { port, answered } = await serveManifest(t, content);
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const response = await answered;
  t.ok(response.writableLength <= 128 * 1024, `${response.writableLength} bytes wait for the client`);
  const got: Buffer[] = [];
  for await (const chunk of socket) got.push(chunk);
  t.ok(Buffer.concat(got).subarray(-content.length).equals(content));
  t.ok(Math.max(...response.writes) <= 64 * 1024);
});

t.test('a client that leaves amid it ends that', async (t) => {
  const { port, answered } = await serveManifest(t, pseudoRandomBytes('left', 16 * 1024 * 1024));
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const response = await answered;
  const closed = new Promise((resolve) => response.once('close', resolve));
  socket.destroy();
  await closed;
  t.ok(response.writes.length < 256, 'not all was written');
});

t.test('lengths about one piece', async (t) => {
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073]) {
    const content = pseudoRandomBytes('piece', length);
    const { port } = await serveManifest(t, content);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    t.ok(Buffer.from(await answer.arrayBuffer()).equals(content), String(length));
  }
});
