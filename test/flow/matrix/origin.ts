import { createServer as createHttpsServer } from 'node:https';
import { Socket } from 'node:net';
import type { TestCertificate } from '../../support/ca.ts';
import { answerBytes, type FixtureExchange } from '../../support/fixture-exchange.ts';
import { type Fault, misbehave } from '../../support/misbehave.ts';
import { closeServer, listen } from '../../support/server.ts';

/** How a storage host that holds several blobs is broken; positions are of the blob, whatever range is asked for. */
export type OriginFault = Fault | OwnFault;

type OwnFault =
  /** RST in place of an answer. */
  | { readonly kind: 'reset' }
  /** Whatever reaches this byte ends before it. */
  | { readonly kind: 'endsAt'; readonly position: number; readonly how: 'fin' | 'reset' | 'stall' }
  /** Says that the blob has so many bytes more, or fewer. */
  | { readonly kind: 'otherLength'; readonly by: number }
  | { readonly kind: 'wrongByteAt'; readonly position: number }
  /** Every answer in small chunks. */
  | { readonly kind: 'dripping'; readonly chunkBytes: number };

export type MatrixOrigin = {
  readonly port: number;
  fault: OriginFault | null;
  url(digest: string): string;
  /** Requests for the blob so far. */
  asked(digest: string): number;
  /** Requests for bytes of this blob from this one on wait; resolves when one does. */
  hold(digest: string, from: number): Promise<void>;
  /** All that wait are answered as `fault` says by then, and nothing waits any more. */
  release(): void;
  /** Closes the port and every connection. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Of connections from now on; the others are closed. */
  present(certificate: TestCertificate): void;
  dropConnections(): void;
  close(): Promise<void>;
};

const HEADERS = { 'content-type': 'application/octet-stream' };
const NAME = 'eusreplstore28.blob.core.windows.net';

export async function startMatrixOrigin(
  blobs: ReadonlyMap<string, Buffer>,
  certificate: TestCertificate,
  name = NAME,
): Promise<MatrixOrigin> {
  const server = createHttpsServer(certificate);
  const port = await listen(server);
  const base = `https://${name}:${port}`;
  const asked = new Map<string, number>();
  const gates = new Map<string, { from: number; reached: () => void }>();
  let waiting: (() => void)[] = [];
  const origin: MatrixOrigin = {
    port,
    fault: null,
    url: (digest) =>
      `${base}/container//${digest.replace(':', '/')}?se=2099-01-01T00%3A00%3A00Z&sig=a%2Bb%3D`,
    asked: (digest) => asked.get(digest) ?? 0,
    hold(digest, from) {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.set(digest, { from, reached: resolve });
      return promise;
    },
    release() {
      gates.clear();
      for (const go of waiting.splice(0)) go();
    },
    async refuse() {
      await closeServer(server);
    },
    accept: () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
      return promise;
    },
    present({ cert, key }) {
      server.setSecureContext({ cert, key });
      server.closeAllConnections();
    },
    dropConnections: () => server.closeAllConnections(),
    async close() {
      if (server.listening) await closeServer(server);
    },
  };
  server.on('request', (request, response) => {
    const { method = '', url = '' } = request;
    const digest = (/\/\/([^?]*)/.exec(url)?.[1] ?? '').replace('/', ':');
    asked.set(digest, (asked.get(digest) ?? 0) + 1);
    const bytes = blobs.get(digest) ?? Buffer.alloc(0);
    const exchange: FixtureExchange = { request, response, method, path: url, query: new URLSearchParams() };
    const respond = (): void => {
      if (!response.destroyed) respondBroken(exchange, origin.fault, bytes);
    };
    const gate = gates.get(digest);
    if (gate === undefined || rangeOf(exchange, bytes).start < gate.from) respond();
    else {
      waiting.push(respond);
      gate.reached();
    }
  });
  return origin;
}

function respondBroken(exchange: FixtureExchange, fault: OriginFault | null, bytes: Buffer): void {
  if (fault === null) answerBytes(exchange, bytes, HEADERS, 'all');
  else if (isOwn(fault)) misbehaveAt(exchange, fault, bytes);
  else misbehave(exchange, fault, bytes);
}

function isOwn(fault: OriginFault): fault is OwnFault {
  return ['reset', 'endsAt', 'otherLength', 'wrongByteAt', 'dripping'].includes(fault.kind);
}

function misbehaveAt(exchange: FixtureExchange, fault: OwnFault, bytes: Buffer): void {
  switch (fault.kind) {
    case 'reset':
      reset(exchange.request.socket);
      return;
    case 'endsAt': {
      const { start, end } = startAnswer(exchange, bytes, bytes.length);
      const { how, position } = fault;
      const part = bytes.subarray(start, Math.min(end, Math.max(start, position)));
      exchange.response.flushHeaders();
      exchange.response.write(part, () => {
        if (position >= end) exchange.response.end();
        else if (how === 'fin') exchange.request.socket.end();
        else if (how === 'reset') reset(exchange.request.socket);
      });
      return;
    }
    case 'otherLength': {
      const { start, end } = startAnswer(exchange, bytes, bytes.length + fault.by);
      const part = bytes.subarray(start, end);
      if (part.length === end - start) exchange.response.end(part);
      else exchange.response.write(part, () => exchange.request.socket.end());
      return;
    }
    case 'wrongByteAt': {
      const wrong = Buffer.from(bytes);
      wrong[fault.position] = (wrong[fault.position] ?? 0) ^ 0xff;
      answerBytes(exchange, wrong, HEADERS, 'all');
      return;
    }
    case 'dripping': {
      const { start, end } = startAnswer(exchange, bytes, bytes.length);
      drip(exchange, bytes.subarray(start, end), fault.chunkBytes);
    }
  }
}

/** The range asked for, end exclusive, of a blob of so many bytes. */
function rangeOf(
  { request }: FixtureExchange,
  { length }: { readonly length: number },
): { start: number; end: number; isRange: boolean } {
  const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  if (match === null) return { start: 0, end: length, isRange: false };
  const [, first = '', last = ''] = match;
  return {
    start: Number(first),
    end: Math.min(length, last === '' ? length : Number(last) + 1),
    isRange: true,
  };
}

function startAnswer(
  exchange: FixtureExchange,
  bytes: Buffer,
  total: number,
): { start: number; end: number } {
  const { start, end, isRange } = rangeOf(exchange, { length: total });
  if (isRange && start >= end) {
    exchange.response.writeHead(416, { 'content-range': `bytes */${total}` }).end();
    return { start: bytes.length, end: bytes.length };
  }
  exchange.response.writeHead(isRange ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    ...(isRange && { 'content-range': `bytes ${start}-${end - 1}/${total}` }),
  });
  return { start, end };
}

function drip({ response }: FixtureExchange, bytes: Buffer, chunkBytes: number): void {
  let position = 0;
  const next = (): void => {
    if (response.destroyed) return;
    const chunk = bytes.subarray(position, position + chunkBytes);
    position += chunkBytes;
    if (position >= bytes.length) response.end(chunk);
    else response.write(chunk, () => setImmediate(next));
  };
  next();
}

function reset(socket: Socket): void {
  // A TLSSocket has no reset of its own: the TCP socket below it has.
  const below: unknown = Reflect.get(socket, '_parent');
  (below instanceof Socket ? below : socket).resetAndDestroy();
}
