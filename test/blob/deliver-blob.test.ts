import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { type DeliveryOutcome, deliverBlob } from '../../src/blob/deliver-blob.ts';
import { createVerifier } from '../../src/blob/hold-back.ts';
import { LocalFailure } from '../../src/blob/local-failure.ts';
import type { BlobFailure, BlobSink } from '../../src/blob/open-blob.ts';
import { WrongContent } from '../../src/blob/wrong-content.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { createTestClient } from '../support/http-client.ts';
import { digestOf, pseudoRandomBytes } from '../support/image.ts';
import { closeServer, listen } from '../support/server.ts';
import { until } from '../support/until.ts';

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

// Node says nothing of a write to a connection that has just gone, until the response closes some events later.
for (const [name, leave] of [
  ['destroyed', (response: ServerResponse) => response.socket?.destroy()],
  ['ended', (response: ServerResponse) => response.socket?.end()],
] as const) {
  t.test(`bytes for a connection that is ${name} go back to the pool`, async (t) => {
    const pool = createBufferPool(1024 * 1024);
    const { promise: piped, resolve } = Promise.withResolvers<BlobSink>();
    const { promise: taken, resolve: onResponse } = Promise.withResolvers<ServerResponse>();
    const { promise: delivered, resolve: onDelivered } = Promise.withResolvers<void>();
    const outcomes: DeliveryOutcome[] = [];
    const server = createServer((_request, response) => {
      response.writeHead(206, { 'content-length': 1_000_000 });
      const content = { length: 1_000_000, pipe: resolve, pause() {}, resume() {}, cancel() {} };
      const decided = (how: DeliveryOutcome) => void outcomes.push(how);
      onResponse(response);
      void deliverBlob(content, response, { verifier: undefined, pool, sent: { inc() {} }, decided }).then(
        onDelivered,
      );
    });
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const client = createTestClient({});
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
    const got = client.send(`http://127.0.0.1:${port}/`, { onAnswered });
    const [sink, response] = [await piped, await taken];
    const send = () => {
      const slab = pool.take(0);
      const chunk = slab.buffer.subarray(0, 1000);
      sink.data(chunk, pool.pin(chunk));
      pool.retire(slab, () => true);
    };
    send();
    await answered;
    leave(response);
    t.notOk(response.destroyed, 'the response does not know yet');
    for (let count = 0; count < 5; count += 1) send();
    await got;
    await delivered;
    await until(() => pool.bytes.lent === 0, 'every buffer is back');
    t.strictSame(
      outcomes.map(({ kind }) => kind),
      ['client_closed'],
    );
  });
}

t.test(
  'D9 a client that leaves before the end has had no wrong bytes, although the rest went past the verifier',
  async (t) => {
    const pool = createBufferPool(1024 * 1024);
    const bytes = pseudoRandomBytes('left', 300_000);
    const parsed = parseDigest(digestOf(bytes));
    if (parsed.kind !== 'ok') throw new Error('a digest is one');
    const { promise: piped, resolve } = Promise.withResolvers<BlobSink>();
    const { promise: taken, resolve: onResponse } = Promise.withResolvers<ServerResponse>();
    const { promise: delivered, resolve: onDelivered } = Promise.withResolvers<void>();
    const outcomes: DeliveryOutcome[] = [];
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      const content = { length: bytes.length, pipe: resolve, pause() {}, resume() {}, cancel() {} };
      const decided = (how: DeliveryOutcome) => void outcomes.push(how);
      const verifier = createVerifier(parsed.digest, bytes.length);
      onResponse(response);
      void deliverBlob(content, response, { verifier, pool, sent: { inc() {} }, decided }).then(onDelivered);
    });
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const client = createTestClient({});
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
    const got = client.send(`http://127.0.0.1:${port}/`, { onAnswered });
    const [sink, response] = [await piped, await taken];
    sink.data(bytes.subarray(0, 100_000), undefined);
    await answered;
    response.socket?.destroy();
    t.notOk(response.destroyed, 'the response does not know yet');
    sink.data(bytes.subarray(100_000), undefined);
    sink.end();
    await got;
    await delivered;
    t.strictSame(
      outcomes.map(({ kind }) => kind),
      ['client_closed'],
    );
  },
);

t.test(
  'what waits for its turn behind another answer, all of it at hand, waits for the client',
  async (t) => {
    const pool = createBufferPool(1024 * 1024);
    const { promise: handedOver, resolve: onHandedOver } = Promise.withResolvers<void>();
    const outcomes: DeliveryOutcome[] = [];
    const held: ServerResponse[] = [];
    const server = createServer((request, response) => {
      if (request.url === '/first') {
        held.push(response);
        return;
      }
      response.writeHead(206, { 'content-length': 1000 });
      const content = {
        length: 1000,
        pipe(sink: BlobSink) {
          sink.data(Buffer.alloc(1000), undefined);
          sink.end();
        },
        pause() {},
        resume() {},
        cancel() {},
      };
      const decided = (how: DeliveryOutcome) => void outcomes.push(how);
      void deliverBlob(content, response, {
        verifier: undefined,
        pool,
        sent: { inc() {} },
        handedOver: onHandedOver,
        decided,
      });
    });
    const socket = connect(await listen(server), '127.0.0.1');
    t.teardown(async () => {
      socket.destroy();
      await closeServer(server);
    });
    socket.write('GET /first HTTP/1.1\r\nhost: a\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n\r\n');
    await handedOver;
    t.strictSame(outcomes, [], 'the client has not had it');
    socket.resume();
    held[0]?.end();
    await until(() => outcomes.length > 0, 'it is delivered');
    t.strictSame(outcomes, [{ kind: 'ok' }]);
  },
);

t.test(
  'D9 a small blob that stands still before its end has its header section with the client',
  async (t) => {
    const pool = createBufferPool(1024 * 1024);
    const bytes = pseudoRandomBytes('small', 5000);
    const parsed = parseDigest(digestOf(bytes));
    if (parsed.kind !== 'ok') throw new Error('a digest is one');
    const { promise: piped, resolve: onPiped } = Promise.withResolvers<BlobSink>();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      const content = {
        length: bytes.length,
        pipe(sink: BlobSink) {
          sink.data(bytes.subarray(0, 3000), undefined);
          onPiped(sink);
        },
        pause() {},
        resume() {},
        cancel() {},
      };
      const verifier = createVerifier(parsed.digest, bytes.length);
      void deliverBlob(content, response, { verifier, pool, sent: { inc() {} }, decided() {} });
    });
    const port = await listen(server);
    t.teardown(() => closeServer(server));
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
    const got = createTestClient({}).send(`http://127.0.0.1:${port}/`, { onAnswered });
    const sink = await piped;
    await answered;
    sink.data(bytes.subarray(3000), undefined);
    sink.end();
    const { body, ended } = await got;
    t.equal(ended, 'complete');
    t.ok(body.equals(bytes));
  },
);
