import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Timeouts } from '../config/config.ts';
import { codeLabel, type Metrics } from '../metrics/metrics.ts';
import { NO_TRACING, type Tracing, traced } from '../trace/tracing.ts';
import { countFailure } from './count-failure.ts';
import { endBody } from './end-body.ts';
import { classifyFailure, UpstreamFailure, type UpstreamRole } from './failure.ts';

export type ExchangeRequest = {
  readonly method: string;
  readonly origin: string;
  /** Raw path and query: undici writes them as they are, and refuses control characters. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: Readable | Buffer | undefined;
  /** On whose behalf, where turns are shared out among clients (`upstream.limits`). */
  readonly client?: string | undefined;
  readonly signal: AbortSignal;
};

/** Whoever gets one owes the body: read it to its end, `dump()` or `destroy()` it. */
export type UpstreamResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable & { dump(): Promise<void> };
};

/** One request, one response, no redirect followed; rejects with `UpstreamFailure`. */
export type Exchange = (request: ExchangeRequest) => Promise<UpstreamResponse>;

export type ExchangeMetrics = Pick<
  Metrics,
  'upstreamRequests' | 'upstreamRequestDuration' | 'upstreamFailures' | 'upstreamBytes'
>;

type Observed = Dispatcher.RequestOptions & { readonly [onStart]?: () => void };
/** Carries a callback through undici's options to the interceptor below. */
const onStart = Symbol('onStart');

export function createExchange(
  dispatcher: Dispatcher,
  where: UpstreamRole,
  deps: {
    timeouts: Pick<Timeouts, 'connectSeconds' | 'headersSeconds' | 'commitSeconds'>;
    metrics: ExchangeMetrics;
    /** Left out: off. */
    tracing?: Tracing | undefined;
  },
): Exchange {
  const { metrics } = deps;
  const bytes = metrics.upstreamBytes.handle({ upstream: where });
  const observed = dispatcher.compose(observe((length) => bytes.inc(length)));
  // undici's own deadlines start when a connection is there; waiting for one of a full pool would have none.
  const deadlines = {
    startMs: (deps.timeouts.connectSeconds + deps.timeouts.headersSeconds) * 1000,
    headersMs: deps.timeouts.headersSeconds * 1000,
    commitMs: deps.timeouts.commitSeconds * 1000,
  };

  async function attempt(request: ExchangeRequest): Promise<UpstreamResponse> {
    const started = performance.now();
    try {
      const response = await send(observed, where, request, deadlines);
      if (response.status > 599) {
        await endBody(response);
        throw new UpstreamFailure(
          'http_protocol_error',
          where,
          `${where}: status ${response.status} is none`,
        );
      }
      metrics.upstreamRequests.inc({ upstream: where, code: codeLabel(response.status) });
      metrics.upstreamRequestDuration.observe({ upstream: where }, (performance.now() - started) / 1000);
      return response;
    } catch (error) {
      const failure = classifyFailure(error, where);
      // A client that leaves is not a fault of the upstream's.
      if (!leftByClient(request.signal)) countFailure(metrics, failure);
      throw failure;
    }
  }

  async function askTwice(request: ExchangeRequest): Promise<UpstreamResponse> {
    try {
      return await attempt(request);
    } catch (error) {
      if (!mayRepeat(error, request)) throw error;
      return attempt(request);
    }
  }

  const { tracing = NO_TRACING } = deps;
  if (!tracing.isOn) return askTwice;

  return async (request) => {
    const span = tracing.begin(`${request.method} ${where}`, 'client', {
      'http.request.method': request.method,
      'server.address': URL.parse(request.origin)?.host,
      'berth.upstream': where,
    });
    return traced(span, async () => {
      // Storage is told nothing of our traces; neither is a token service, which may be anybody's.
      const headers = where === 'registry' ? { ...request.headers, ...tracing.fields() } : request.headers;
      const response = await askTwice({ ...request, headers });
      span.set({ 'http.response.status_code': response.status });
      return response;
    });
  };
}

/**
 * An idle connection that the upstream closes just as it is used looks like a failed request. RFC 9110 §9.2.2: repeated
 * once, for what is safe and has no body.
 */
function mayRepeat(error: unknown, request: ExchangeRequest): boolean {
  return (
    error instanceof UpstreamFailure &&
    error.kind === 'connection_terminated' &&
    (request.method === 'GET' || request.method === 'HEAD') &&
    request.body === undefined &&
    !request.signal.aborted
  );
}

async function send(
  dispatcher: Dispatcher,
  where: UpstreamRole,
  request: ExchangeRequest,
  { startMs, headersMs, commitMs }: { startMs: number; headersMs: number; commitMs: number },
): Promise<UpstreamResponse> {
  if (request.signal.aborted) throw endedFailure(where, request.signal);
  const ending = new AbortController();
  return new Promise((resolve, reject) => {
    const end = (failure: UpstreamFailure): void => {
      ending.abort(failure);
      // undici answers an abort only once the request has a connection.
      reject(failure);
    };
    const onAbort = (): void => end(endedFailure(where, request.signal));
    const release = (): void => {
      clearTimeout(deadline);
      request.signal.removeEventListener('abort', onAbort);
    };
    let deadline = setTimeout(() => {
      const message = `${where}: no connection to ${request.origin} became free within ${startMs} ms`;
      end(new UpstreamFailure('connection_limit_reached', where, message));
    }, startMs);
    const onStarted = (): void => {
      clearTimeout(deadline);
      // A body takes as long as it takes; undici looks after its progress.
      if (request.body !== undefined) return;
      // undici's own deadline begins anew with every informational answer: a peer could send those for ever.
      deadline = setTimeout(() => {
        const message = `${where}: ${request.origin} did not answer within ${headersMs} ms`;
        end(new UpstreamFailure('http_response_timeout', where, message));
      }, headersMs);
    };
    request.signal.addEventListener('abort', onAbort, { once: true });
    const options: Observed = {
      origin: request.origin,
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      signal: ending.signal,
      // undici closes the connection after a HEAD unless it is told not to.
      reset: false,
      // What an upload commits may be copied on object storage before it is answered.
      ...(request.body !== undefined && { headersTimeout: commitMs }),
      [onStart]: onStarted,
    };
    dispatcher.request(options, (error, data) => {
      // undici's types promise both; an error comes without data.
      if (error !== null) {
        release();
        reject(classifyFailure(error, where));
        return;
      }
      clearTimeout(deadline);
      data.body.once('close', release);
      resolve({ status: data.statusCode, headers: data.headers, body: data.body });
    });
  });
}

/** A signal's end: the client's, or the deadline of a question that Berth asked itself. */
function endedFailure(where: UpstreamRole, signal: AbortSignal): UpstreamFailure {
  return leftByClient(signal)
    ? new UpstreamFailure('connection_terminated', where, `${where}: the client left before the answer`)
    : new UpstreamFailure('http_response_timeout', where, `${where}: no whole answer in time`);
}

function leftByClient({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof Error && reason.name === 'TimeoutError');
}

function observe(count: (bytes: number) => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options: Dispatcher.DispatchOptions & Pick<Observed, typeof onStart>, handler) =>
    dispatch(options, {
      onRequestStart(controller, context) {
        options[onStart]?.();
        handler.onRequestStart?.(controller, context);
      },
      onResponseStart: (controller, status, headers, text) =>
        handler.onResponseStart?.(controller, status, headers, text),
      onResponseData(controller, chunk) {
        count(chunk.length);
        handler.onResponseData?.(controller, chunk);
      },
      onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
      onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
    });
}
