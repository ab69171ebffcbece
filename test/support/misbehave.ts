import { Socket } from 'node:net';
import { answer, answerBytes, type FixtureExchange } from './fixture-exchange.ts';

/** The ways in which a registry, a token service or a storage host of the tests may be broken. */
export type Fault =
  /** Takes the request and never answers. */
  | { readonly kind: 'silent' }
  /** Sends the header section and this many body bytes, then nothing more. */
  | { readonly kind: 'stallsAfter'; readonly bytes: number }
  /** Sends the body in chunks of this many bytes, one each interval. */
  | { readonly kind: 'slow'; readonly chunkBytes: number; readonly intervalMs: number }
  /** Ends the connection in the body: politely (FIN) or not (RST). */
  | { readonly kind: 'cutAfter'; readonly bytes: number; readonly how: 'fin' | 'reset' }
  | { readonly kind: 'ignoresRange' }
  /** Answers 206 that does not say or hold what was asked for. */
  | {
      readonly kind: 'liesAboutRange';
      readonly how: 'shifted' | 'otherTotal' | 'noContentRange' | 'tooShort' | 'badContentRange';
    }
  /** Right length, wrong last byte. */
  | { readonly kind: 'wrongBytes' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: 'redirect'; readonly location: string }
  /** 307 to itself. */
  | { readonly kind: 'redirectLoop' }
  | { readonly kind: 'hugeHeaders'; readonly bytes: number }
  /** 200 with a JSON document that begins well and goes on for this many bytes (a token, an error, a manifest). */
  | { readonly kind: 'hugeDocument'; readonly bytes: number }
  | { readonly kind: 'notHttp' };

/** Statuses that each upstream fault row tries. */
export const UPSTREAM_STATUSES = [401, 403, 429, 500, 503] as const;

/**
 * Answers the exchange in a broken way; `bytes` are what a sound upstream would send. Timers end with the connection.
 */
export function misbehave(exchange: FixtureExchange, fault: Fault, bytes: Buffer): void {
  const { request, response } = exchange;
  const headers = { 'content-type': 'application/octet-stream' };
  switch (fault.kind) {
    case 'silent':
      return;
    case 'stallsAfter':
      startBody(exchange, bytes);
      response.write(bytes.subarray(0, fault.bytes));
      return;
    case 'slow':
      startBody(exchange, bytes);
      drip(exchange, bytes, fault.chunkBytes, fault.intervalMs);
      return;
    case 'cutAfter':
      startBody(exchange, bytes);
      response.write(bytes.subarray(0, fault.bytes), () => cut(request.socket, fault.how));
      return;
    case 'ignoresRange':
      answer(exchange, 200, headers, bytes);
      return;
    case 'liesAboutRange':
      lieAboutRange(exchange, fault.how, bytes);
      return;
    case 'wrongBytes': {
      const wrong = Buffer.from(bytes);
      wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 0xff;
      answerBytes(exchange, wrong, headers, 'all');
      return;
    }
    case 'status':
      answer(exchange, fault.status, { 'content-type': 'application/xml', ...fault.headers }, STORAGE_ERROR);
      return;
    case 'redirect':
      answer(exchange, 307, { location: fault.location });
      return;
    case 'redirectLoop':
      answer(exchange, 307, { location: request.url ?? '/' });
      return;
    case 'hugeHeaders':
      answer(exchange, 200, { 'x-huge': 'x'.repeat(fault.bytes) });
      return;
    case 'hugeDocument':
      answer(exchange, 200, { 'content-type': 'application/json' }, `{"token":"${'x'.repeat(fault.bytes)}"}`);
      return;
    case 'notHttp':
      request.socket.end('220 this is not an HTTP server\r\n');
      return;
  }
}

/** As Azure storage words a refusal: XML, with a byte order mark before it. */
const STORAGE_ERROR =
  '\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>fixture</Message></Error>';

function startBody(exchange: FixtureExchange, bytes: Buffer): void {
  exchange.response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': bytes.length,
  });
  exchange.response.flushHeaders();
}

function drip(exchange: FixtureExchange, bytes: Buffer, chunkBytes: number, intervalMs: number): void {
  let position = 0;
  const timer = setInterval(() => {
    exchange.response.write(bytes.subarray(position, position + chunkBytes));
    position += chunkBytes;
    if (position < bytes.length) return;
    clearInterval(timer);
    exchange.response.end();
  }, intervalMs);
  exchange.response.on('close', () => clearInterval(timer));
}

function cut(socket: Socket, how: 'fin' | 'reset'): void {
  if (how === 'fin') {
    socket.end();
    return;
  }
  // A TLSSocket has no reset of its own (ERR_INVALID_HANDLE_TYPE): the TCP socket below it has.
  const below: unknown = Reflect.get(socket, '_parent');
  (below instanceof Socket ? below : socket).resetAndDestroy();
}

type RangeLie = Extract<Fault, { kind: 'liesAboutRange' }>['how'];

function lieAboutRange(exchange: FixtureExchange, how: RangeLie, bytes: Buffer): void {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(exchange.request.headers.range ?? '') ?? [];
  const start = Number(first);
  const end = last === '' ? bytes.length - 1 : Math.min(Number(last), bytes.length - 1);
  const part = bytes.subarray(start, end + 1);
  const total = bytes.length;
  const contentRanges: Record<RangeLie, string | undefined> = {
    shifted: `bytes ${start + 1}-${end + 1}/${total + 1}`,
    otherTotal: `bytes ${start}-${end}/${total + 1000}`,
    noContentRange: undefined,
    tooShort: `bytes ${start}-${Math.max(start, end - 1)}/${total}`,
    badContentRange: `bytes ${end}-${start - 1}/banana`,
  };
  const contentRange = contentRanges[how];
  answer(
    exchange,
    206,
    contentRange === undefined ? {} : { 'content-range': contentRange },
    how === 'tooShort' && part.length > 1 ? part.subarray(0, -1) : part,
  );
}
