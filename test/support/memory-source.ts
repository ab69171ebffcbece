import type { IncomingHttpHeaders } from 'node:http';
import type { BlobSource } from '../../src/blob/blob-source.ts';
import { type BufferPool, SMALL_SLAB } from '../../src/upstream/buffer-pool.ts';
import { type FailureKind, UpstreamFailure } from '../../src/upstream/failure.ts';
import type { Transfer, TransferHandler } from '../../src/upstream/transfer.ts';

/** What goes wrong with one request. */
export type SourceFault = {
  readonly status?: number;
  readonly headers?: IncomingHttpHeaders;
  /** Before the header section. */
  readonly refuses?: FailureKind;
  /** The body breaks off after so many bytes. */
  readonly cutAfter?: number;
  /** Nothing comes until this is so, and then it breaks off. */
  readonly cutWhen?: () => boolean;
  /** As what the break is told; left out: a connection that was cut. */
  readonly cutBy?: FailureKind;
  /** Nothing comes after so many bytes, until it is aborted. */
  readonly stallAfter?: number;
};

export type SourceRequest = {
  readonly index: number;
  readonly firstPos: number;
  readonly lastPos: number;
  readonly ifMatch: string | undefined;
};

export type MemorySource = BlobSource & {
  /** Asked for, in order. */
  readonly requests: SourceRequest[];
  /** Bytes of bodies that were sent. */
  readonly sent: { bytes: number };
  /** Requests that have not ended. */
  readonly open: { count: number; max: number };
};

/** A source of bytes in memory: a chunk per turn of the event loop, in slabs of the pool, while it is not paused. */
export function createMemorySource(
  bytes: Buffer,
  options: {
    readonly pool: BufferPool;
    readonly origin?: string;
    readonly chunkBytes?: number;
    readonly ignoresRange?: boolean;
    readonly fault?: (request: SourceRequest) => SourceFault | undefined;
    /** Nothing is sent beyond this position. */
    readonly gate?: { end: number };
    /** What it calls the blob now; asked for another one, it answers 412. */
    readonly etag?: () => string;
    /** Unix milliseconds. */
    readonly expiresAt?: number;
    readonly renew?: BlobSource['renew'];
  },
): MemorySource {
  const { pool, origin = 'https://one.test', chunkBytes = 1024, ignoresRange = false, gate } = options;
  const requests: SourceRequest[] = [];
  const sent = { bytes: 0 };
  const open = { count: 0, max: 0 };

  function start(headers: Readonly<Record<string, string>>, handler: TransferHandler): Transfer {
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers['range'] ?? '') ?? [];
    const firstPos = Number(first);
    const lastPos = Math.min(last === '' ? bytes.length - 1 : Number(last), bytes.length - 1);
    const request = { index: requests.length, firstPos, lastPos, ifMatch: headers['if-match'] };
    requests.push(request);
    open.count += 1;
    open.max = Math.max(open.max, open.count);
    const fault = options.fault?.(request) ?? {};
    const isWhole = ignoresRange || headers['range'] === undefined;
    let position = isWhole ? 0 : firstPos;
    const end = isWhole ? bytes.length : lastPos + 1;
    const begin = position;
    let isPaused = true;
    let isOver = false;

    function over(failure?: UpstreamFailure): void {
      if (isOver) return;
      isOver = true;
      open.count -= 1;
      if (failure === undefined) handler.end();
      else handler.failed(failure);
    }

    function step(): void {
      if (isOver) return;
      if (fault.cutWhen?.() === false) {
        setImmediate(step);
        return;
      }
      const cut =
        fault.cutWhen === undefined ? begin + (fault.cutAfter ?? Number.POSITIVE_INFINITY) : position;
      if (position >= cut) {
        over(new UpstreamFailure(fault.cutBy ?? 'connection_terminated', 'storage', 'cut'));
        return;
      }
      const stop = Math.min(
        end,
        cut,
        begin + (fault.stallAfter ?? Number.POSITIVE_INFINITY),
        gate?.end ?? end,
      );
      if (position >= end) over();
      else {
        if (!isPaused && position < stop) send(Math.min(chunkBytes, SMALL_SLAB, stop - position));
        setImmediate(step);
      }
    }

    function send(length: number): void {
      const slab = pool.take(0);
      const count = bytes.copy(slab.buffer, 0, position, position + Math.min(length, slab.buffer.length));
      const chunk = slab.buffer.subarray(0, count);
      position += count;
      sent.bytes += count;
      const pinned = pool.pin(chunk);
      pool.retire(slab, () => true);
      handler.data(chunk, pinned);
    }

    setImmediate(() => {
      if (isOver) return;
      if (fault.refuses !== undefined) {
        over(new UpstreamFailure(fault.refuses, 'storage', 'refused'));
        return;
      }
      const fields = isWhole
        ? { 'content-length': String(bytes.length) }
        : { 'content-range': `bytes ${firstPos}-${lastPos}/${bytes.length}` };
      const etag = options.etag?.();
      const isOther = etag !== undefined && request.ifMatch !== undefined && request.ifMatch !== etag;
      const status = isOther ? 412 : (fault.status ?? (isWhole ? 200 : 206));
      handler.start(status, { ...fields, ...(etag !== undefined && { etag }), ...fault.headers });
      setImmediate(step);
    });

    return {
      pause() {
        isPaused = true;
      },
      resume() {
        isPaused = false;
      },
      abort() {
        setImmediate(() => over(new UpstreamFailure('connection_terminated', 'storage', 'aborted')));
      },
    };
  }

  return {
    where: 'storage',
    origin,
    ...(options.expiresAt !== undefined && { expiresAt: options.expiresAt }),
    ...(options.renew !== undefined && { renew: options.renew }),
    requests,
    sent,
    open,
    start,
    redirected() {
      throw new UpstreamFailure('redirect_refused', 'storage', 'this source does not redirect');
    },
  };
}
