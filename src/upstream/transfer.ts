import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { parseContentLength } from '../http/content-length.ts';
import { codeLabel, type Metrics } from '../metrics/metrics.ts';
import { NO_TRACING, type Tracing } from '../trace/tracing.ts';
import type { BufferPool, Slab } from './buffer-pool.ts';
import { DRAIN_MS, MAX_DRAIN_BYTES } from './end-body.ts';
import { classifyFailure, type FailureKind, UpstreamFailure, type UpstreamRole } from './failure.ts';
import { type LeastRate, type RateClock, RateWatch } from './rate-watch.ts';

/**
 * One GET of blob bytes, as events. Chunks are slices of pooled buffers: whoever keeps one past `data` holds its
 * slab and gives it back with `pool.unpin`. No promise, closure or timer per chunk: this is the path that costs.
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
  /** Nobody wants the body: a small one is thrown away, so that the connection can be used again. Left out: only `abort` there. */
  dismiss?(): void;
};

export type TransferRequest = {
  readonly origin: string;
  /** Raw path and query: sent byte for byte. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly where: UpstreamRole;
};

export type TransferDeps = {
  readonly pool: BufferPool;
  readonly metrics: Metrics;
  /** Milliseconds for a free connection, and as many for the final header section. */
  readonly startTimeoutMs: number;
  /** Left out: none. */
  readonly leastRate?: LeastRate | undefined;
  /** For tests. */
  readonly rateClock?: RateClock | undefined;
  /** Left out: off. */
  readonly tracing?: Tracing | undefined;
};

const NO_LEAST_RATE: LeastRate = { bytesPerSecond: 0, windowMs: 0 };

/**
 * Starts the request. Deadlines are the dispatcher's own (connect, headers, idle body), but for what undici does not bound: the wait
 * for a free connection, the time until the final header section, and a body that comes, but hardly (E8).
 */
export function startTransfer(
  dispatcher: Dispatcher,
  request: TransferRequest,
  deps: TransferDeps,
  handler: TransferHandler,
): Transfer {
  const { pool, metrics, tracing = NO_TRACING, leastRate = NO_LEAST_RATE } = deps;
  const upstream = request.where;
  const received = metrics.upstreamBytes.handle({ upstream });
  const startedAt = performance.now();
  const span = tracing.begin(`GET ${upstream}`, 'client', {
    'http.request.method': 'GET',
    'server.address': tracing.isOn ? URL.parse(request.origin)?.host : undefined,
    'berth.upstream': upstream,
  });
  let controller: Dispatcher.DispatchController | undefined;
  let aborted = false;
  let done = false;
  let final = false;
  let dispatching = true;
  let bodyBytes: number | undefined;
  let isDismissed = false;
  const rate = new RateWatch(leastRate, tooSlow, deps.rateClock);
  let deadline = setTimeout(() => {
    // It still waits in undici's queue, and is aborted when it gets its connection.
    giveUp('connection_limit_reached', `no connection to ${request.origin} became free`);
  }, deps.startTimeoutMs);

  function giveUp(kind: FailureKind, what: string): void {
    span.end(kind);
    abort();
    fail(new UpstreamFailure(kind, upstream, `${upstream}: ${what} within ${deps.startTimeoutMs} ms`));
  }

  function tooSlow(bytes: number): void {
    const { bytesPerSecond, windowMs } = leastRate;
    const what = `${bytes} bytes in ${windowMs} ms, less than ${bytesPerSecond} bytes per second`;
    // As the reason, not as an end of Berth's own: it is the host's failure, also for its region's health.
    controller?.abort(new UpstreamFailure('http_response_too_slow', upstream, `${upstream}: ${what}`));
  }

  function fail(failure: UpstreamFailure): void {
    if (dispatching) {
      // Refused at once (a closed pool, too many origins): told like any other failure, once the caller has its handle.
      queueMicrotask(() => fail(failure));
      return;
    }
    if (done) return;
    done = true;
    clearTimeout(deadline);
    rate.end();
    span.end(aborted ? undefined : failure.kind);
    handler.failed(failure);
  }

  function abort(): void {
    if (aborted) return;
    aborted = true;
    rate.end();
    span.set({ 'berth.aborted': true });
    controller?.abort(new TransferAborted());
  }

  const events: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      clearTimeout(deadline);
      // undici's own deadline begins anew with every informational answer: a peer could send those for ever.
      deadline = setTimeout(
        () => giveUp('http_response_timeout', `no answer of ${request.origin}`),
        deps.startTimeoutMs,
      );
      if (aborted) started.abort(new TransferAborted());
    },
    onResponseStart(started, status, headers) {
      if (status < 200) return;
      final = true;
      clearTimeout(deadline);
      started.pause();
      span.set({ 'http.response.status_code': status });
      metrics.upstreamRequests.inc({ upstream, code: codeLabel(status) });
      metrics.upstreamRequestDuration.observe({ upstream }, (performance.now() - startedAt) / 1000);
      const length = headers['content-length'];
      bodyBytes = typeof length === 'string' ? parseContentLength(length) : undefined;
      handler.start(status, headers);
    },
    onResponseData(_, chunk) {
      received.inc(chunk.length);
      rate.moved(chunk.length);
      if (!isDismissed) handler.data(chunk, pool.pin(chunk));
    },
    onResponseEnd() {
      done = true;
      clearTimeout(deadline);
      rate.end();
      span.end();
      if (final) handler.end();
    },
    onResponseError(_, error) {
      fail(classifyFailure(error, upstream));
    },
  };
  try {
    dispatcher.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: 'GET',
        // Storage is told nothing of our traces.
        headers:
          upstream === 'registry' && tracing.isOn
            ? { ...request.headers, ...span.run(() => tracing.fields()) }
            : request.headers,
      },
      events,
    );
  } catch (error) {
    fail(classifyFailure(error, upstream));
  }
  dispatching = false;

  return {
    pause() {
      rate.pause();
      controller?.pause();
    },
    resume() {
      if (!done) rate.resume();
      controller?.resume();
    },
    abort() {
      clearTimeout(deadline);
      if (!done) abort();
    },
    dismiss() {
      if (done || aborted || isDismissed) return;
      if (bodyBytes === undefined || bodyBytes > MAX_DRAIN_BYTES) {
        abort();
        return;
      }
      isDismissed = true;
      deadline = setTimeout(abort, DRAIN_MS);
      controller?.resume();
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
