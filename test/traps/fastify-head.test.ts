// Trap T1 of docs/adr/0010-traps-rerun.md.
import { Readable } from 'node:stream';

import fastify from 'fastify';
import tap from 'tap';
import { request } from 'undici';

import { listenFastify } from './servers.ts';

const BLOB_BYTES = 8 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** A handler's content that tells how much of it was pulled. */
function createCountedContent(): { content: () => Readable; pulled: () => number } {
  let pulled = 0;
  async function* pull(): AsyncGenerator<Buffer> {
    while (pulled < BLOB_BYTES) {
      pulled += CHUNK_BYTES;
      yield Buffer.alloc(CHUNK_BYTES);
    }
  }
  return { content: () => Readable.from(pull(), { objectMode: false }), pulled: () => pulled };
}

await tap.test('the automatic HEAD route runs the GET handler and drains its stream', async (t) => {
  const { content, pulled } = createCountedContent();
  const app = fastify();
  app.get('/blob', (_request, reply) => reply.send(content()));
  const origin = await listenFastify(t, app);

  const answer = await request(`${origin}/blob`, { method: 'HEAD' });
  await answer.body.dump();

  t.equal(answer.statusCode, 200);
  // The answer goes out before the draining ends; closing waits for it.
  await app.close();
  t.equal(pulled(), BLOB_BYTES, 'every byte was pulled for an answer without content');
});

await tap.test('with exposeHeadRoutes false there is no HEAD route until one is declared', async (t) => {
  const { content, pulled } = createCountedContent();
  const app = fastify({ exposeHeadRoutes: false });
  app.get('/blob', (_request, reply) => reply.send(content()));
  app.head('/declared', (_request, reply) => reply.header('content-length', BLOB_BYTES).send());
  const origin = await listenFastify(t, app);

  const undeclared = await request(`${origin}/blob`, { method: 'HEAD' });
  await undeclared.body.dump();
  const declared = await request(`${origin}/declared`, { method: 'HEAD' });
  await declared.body.dump();

  t.equal(undeclared.statusCode, 404);
  t.equal(declared.statusCode, 200);
  t.equal(declared.headers['content-length'], String(BLOB_BYTES));
  t.equal(pulled(), 0);
});
