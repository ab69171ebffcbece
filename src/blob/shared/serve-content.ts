import type { Readable } from 'node:stream';
import type { ByteRange } from '../../http/range.ts';
import { UpstreamFailure } from '../../upstream/failure.ts';
import { type RateClock, RateWatch } from '../../upstream/rate-watch.ts';
import type { Transfer, TransferHandler } from '../../upstream/transfer.ts';

/** What a shared source has found for one request. */
export type SharedContent =
  | {
      readonly kind: 'content';
      readonly range: ByteRange;
      readonly completeLength: number;
      readonly body: Readable;
    }
  /** It is to be fetched from the upstream. */
  | { readonly kind: 'own' };

/** Milliseconds without a byte after which a body is given up: another place has it, too. */
const IDLE_MS = 10_000;
/** Bytes a second, over `IDLE_MS`: silence is not all that a store can do. */
const LEAST_RATE = 1024;

/** The location that leads away from the shared store, to where the ticket says the blob is. */
export const OWN_LOCATION = 'own';

/** Answers one GET with what `find` finds, as an HTTP source would: 206, or 307 to the ticket's own source. */
export function serveContent(
  find: (signal: AbortSignal) => Promise<SharedContent>,
  handler: TransferHandler,
  /** For tests. */
  rateClock?: RateClock,
): Transfer {
  const aborting = new AbortController();
  const { promise: resumed, resolve: resume } = Promise.withResolvers<void>();
  let body: Readable | undefined;
  let isPaused = true;
  let isOver = false;
  let idle: NodeJS.Timeout | undefined;
  const rate = new RateWatch(
    { bytesPerSecond: LEAST_RATE, windowMs: IDLE_MS },
    (bytes) => fail(`${bytes} bytes in ${IDLE_MS} ms`),
    rateClock,
  );

  function end(): void {
    isOver = true;
    clearTimeout(idle);
    rate.end();
  }

  function fail(message: string): void {
    if (isOver) return;
    end();
    body?.destroy();
    handler.failed(
      new UpstreamFailure('connection_terminated', 'storage', `the shared blob store: ${message}`),
    );
  }

  function watch(): void {
    clearTimeout(idle);
    if (!isPaused && !isOver) idle = setTimeout(() => fail(`no byte for ${IDLE_MS} ms`), IDLE_MS);
  }

  async function serve(): Promise<void> {
    const found = await find(aborting.signal);
    if (aborting.signal.aborted) {
      if (found.kind === 'content') found.body.destroy();
      return;
    }
    if (found.kind === 'own') {
      handler.start(307, { location: OWN_LOCATION });
      return;
    }
    const { range, completeLength } = found;
    ({ body } = found);
    let left = range.lastPos - range.firstPos + 1;
    body.on('data', (chunk: Buffer) => {
      if (isOver) return;
      watch();
      rate.moved(chunk.length);
      left -= chunk.length;
      if (left < 0) fail('more bytes than asked for');
      else handler.data(chunk, undefined);
    });
    body.on('error', (error) => fail(error.name));
    body.on('end', () => {
      if (isOver) return;
      if (left !== 0) {
        fail('the body ended early');
        return;
      }
      end();
      handler.end();
    });
    body.pause();
    handler.start(206, {
      'content-range': `bytes ${range.firstPos}-${range.lastPos}/${completeLength}`,
      'content-length': String(left),
    });
    await resumed;
    if (!isPaused) {
      body.resume();
      rate.resume();
    }
    watch();
  }

  serve().catch((error: unknown) => fail(error instanceof Error ? error.name : 'unknown error'));
  return {
    pause() {
      isPaused = true;
      clearTimeout(idle);
      rate.pause();
      body?.pause();
    },
    resume() {
      isPaused = false;
      resume();
      watch();
      if (body !== undefined) rate.resume();
      body?.resume();
    },
    abort() {
      if (isOver) return;
      end();
      aborting.abort(new UpstreamFailure('connection_terminated', 'storage', 'the transfer was ended'));
      resume();
      body?.destroy();
    },
  };
}
