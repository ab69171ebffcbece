import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { closeServer, listen } from '../../../support/server.ts';
import type { Dice } from './dice.ts';

/** How often, of a hundred requests, what goes wrong. The rest is answered as it should be. */
export type Chaos = {
  readonly cut: number;
  readonly reset: number;
  /** Some bytes, then silence until the other side hangs up. */
  readonly stall: number;
  /** Bytes with breaks of some event-loop turns between them. */
  readonly slow: number;
  readonly status: number;
  readonly wrongRange: number;
  readonly ignoresRange: number;
};

/** A storage host on loopback that behaves as the dice say. */
export type ChaosOrigin = {
  readonly origin: string;
  readonly requests: { count: number };
  close(): Promise<void>;
};

const KINDS = ['cut', 'reset', 'stall', 'slow', 'status', 'wrongRange', 'ignoresRange'] as const;
type Kind = (typeof KINDS)[number] | 'sound';

export async function startChaosOrigin(bytes: Buffer, chaos: Chaos, dice: Dice): Promise<ChaosOrigin> {
  const requests = { count: 0 };
  const server = createServer((request, response) => {
    requests.count += 1;
    answer(request, response);
  });
  const port = await listen(server);

  function roll(): Kind {
    let left = dice.below(100);
    for (const kind of KINDS) {
      if (left < chaos[kind]) return kind;
      left -= chaos[kind];
    }
    return 'sound';
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const kind = roll();
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const isWhole = kind === 'ignoresRange' || request.headers.range === undefined;
    const from = isWhole ? 0 : Number(first);
    const to = isWhole || last === '' ? bytes.length : Math.min(bytes.length, Number(last) + 1);
    if (kind === 'status') {
      response.writeHead(dice.pick([500, 503, 429, 408])).end('not now');
      return;
    }
    if (from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    const stated = kind === 'wrongRange' ? from + 1 : from;
    response.writeHead(isWhole ? 200 : 206, {
      'content-length': to - from,
      ...(!isWhole && { 'content-range': `bytes ${stated}-${to - 1}/${bytes.length}` }),
    });
    const body = bytes.subarray(from, to);
    const part = body.subarray(0, dice.below(body.length + 1));
    if (kind === 'cut') response.write(part, () => request.socket.end());
    else if (kind === 'reset') response.write(part, () => request.socket.resetAndDestroy());
    else if (kind === 'stall') {
      response.flushHeaders();
      response.write(part);
    } else if (kind === 'slow')
      drip(response, body, Math.max(1, Math.ceil(body.length / (1 + dice.below(40)))));
    else response.end(body);
  }

  function drip(response: ServerResponse, body: Buffer, chunkBytes: number): void {
    let position = 0;
    const next = (): void => {
      if (response.destroyed) return;
      const chunk = body.subarray(position, position + chunkBytes);
      position += chunkBytes;
      if (position >= body.length) response.end(chunk);
      else response.write(chunk, () => setTimeout(next, dice.below(3)));
    };
    next();
  }

  return { origin: `http://127.0.0.1:${port}`, requests, close: () => closeServer(server) };
}
