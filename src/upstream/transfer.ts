import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { codeLabel, type Metrics } from '../metrics/metrics.ts';
import type { BufferPool, Slab } from './buffer-pool.ts';
import { classifyFailure, type UpstreamFailure, type UpstreamRole } from './failure.ts';

/**
 * One GET of blob bytes, as events. Chunks are slices of pooled buffers: whoever keeps one past `data` holds its
 * slab and gives it back with `release`. No promise, closure or timer per chunk: this is the path that costs.
 */
export type TransferHandler = {
  /** The header section is in; the body does not flow before `resume`. Return without keeping `headers`. */
  start(status: number, headers: IncomingHttpHeaders): void;
  /** `slab` is pinned for the handler, which owes one `pool.unpin(slab)`. */
  data(chunk: Buffer, slab: Slab | undefined): void;
  end(): void;
  /** Nothing follows. Also called after `abort`, with `connection_terminated`. */
  failed(failure: UpstreamFailure): void;
};

export type Transfer = {
  pause(): void;
  resume(): void;
  /** Closes the connection; idempotent. */
  abort(): void;
};

export type TransferRequest = {
  readonly origin: string;
  /** Raw path and query: sent byte for byte. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly where: UpstreamRole;
};

/** Starts the request; deadlines are the dispatcher's own (connect, headers, idle body). */
export function startTransfer(
  dispatcher: Dispatcher,
  request: TransferRequest,
  deps: { pool: BufferPool; metrics: Metrics },
  handler: TransferHandler,
): Transfer {
  const { pool, metrics } = deps;
  const upstream = request.where;
  const received = metrics.upstreamBytes.handle({ upstream });
  const startedAt = performance.now();
  let controller: Dispatcher.DispatchController | undefined;
  let aborted = false;
  let done = false;
  let informational = true;

  dispatcher.dispatch(
    { origin: request.origin, path: request.path, method: 'GET', headers: request.headers },
    {
      onRequestStart(started) {
        controller = started;
        if (aborted) started.abort(new TransferAborted());
      },
      onResponseStart(started, status, headers) {
        if (status < 200) return;
        informational = false;
        started.pause();
        metrics.upstreamRequests.inc({ upstream, code: codeLabel(status) });
        metrics.upstreamRequestDuration.observe({ upstream }, (performance.now() - startedAt) / 1000);
        handler.start(status, headers);
      },
      onResponseData(_, chunk) {
        received.inc(chunk.length);
        handler.data(chunk, pool.pin(chunk));
      },
      onResponseEnd() {
        done = true;
        if (!informational) handler.end();
      },
      onResponseError(_, error) {
        if (done) return;
        done = true;
        handler.failed(classifyFailure(error, request.where));
      },
    },
  );

  return {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort() {
      if (aborted || done) return;
      aborted = true;
      controller?.abort(new TransferAborted());
    },
  };
}

/** The reason given to undici when Berth itself ends a transfer. */
class TransferAborted extends Error {
  override readonly name = 'TransferAborted';
  readonly code = 'UND_ERR_ABORTED';
  constructor() {
    super('Berth ended the transfer');
  }
}
