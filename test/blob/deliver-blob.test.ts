import { createServer } from 'node:http';
import t from 'tap';
import { type DeliveryOutcome, deliverBlob } from '../../src/blob/deliver-blob.ts';
import { LocalFailure } from '../../src/blob/local-failure.ts';
import type { BlobFailure, BlobSink } from '../../src/blob/open-blob.ts';
import { WrongContent } from '../../src/blob/wrong-content.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { createTestClient } from '../support/http-client.ts';
import { closeServer, listen } from '../support/server.ts';

const FAILURES: readonly { failure: BlobFailure; ended: string; outcome: DeliveryOutcome['kind'] }[] = [
  { failure: new LocalFailure('the disk'), ended: 'short', outcome: 'incomplete' },
  { failure: new WrongContent('another digest'), ended: 'reset', outcome: 'digest_mismatch' },
];

for (const { failure, ended, outcome } of FAILURES) {
  t.test(`D9 D10 content that ends with ${failure.name} ends ${ended}`, async (t) => {
    const pool = createBufferPool(1024 * 1024);
    const { promise: piped, resolve } = Promise.withResolvers<BlobSink>();
    const outcomes: DeliveryOutcome[] = [];
    const server = createServer((_request, response) => {
      response.writeHead(206, { 'content-length': 1000 });
      const content = { length: 1000, pipe: resolve, pause() {}, resume() {}, cancel() {} };
      const decided = (how: DeliveryOutcome) => void outcomes.push(how);
      void deliverBlob(content, response, { verifier: undefined, pool, sent: { inc() {} }, decided });
    });
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const client = createTestClient({});
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
    const got = client.send(`http://127.0.0.1:${port}/`, { onAnswered });
    const sink = await piped;
    sink.data(Buffer.alloc(10), undefined);
    await answered;
    sink.failed(failure);
    t.equal((await got).ended, ended);
    t.strictSame(
      outcomes.map(({ kind }) => kind),
      [outcome],
    );
  });
}
