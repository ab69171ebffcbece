import type { Dispatcher } from 'undici';
import type { Timeouts } from '../config/config.ts';
import { codeLabel, type Metrics } from '../metrics/metrics.ts';
import { NO_TRACING, type Tracing, traced } from '../trace/tracing.ts';
import { countFailure } from './count-failure.ts';
import { endBody } from './end-body.ts';
import { classifyFailure, UpstreamFailure, type UpstreamRole } from './failure.ts';
import { type ExchangeRequest, leftByClient, type SendDeps, sendRequest } from './send-request.ts';
import type { UpstreamResponse } from './upstream-response.ts';

export type { ExchangeRequest } from './send-request.ts';
export type { UpstreamResponse } from './upstream-response.ts';

/** One request, one response, no redirect followed; rejects with `UpstreamFailure`. */
export type Exchange = (request: ExchangeRequest) => Promise<UpstreamResponse>;

export type ExchangeMetrics = Pick<
  Metrics,
  'upstreamRequests' | 'upstreamRequestDuration' | 'upstreamFailures' | 'upstreamBytes'
>;

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
  const sending: SendDeps = {
    dispatcher,
    where,
    deadlines: {
      startMs: (deps.timeouts.connectSeconds + deps.timeouts.headersSeconds) * 1000,
      headersMs: deps.timeouts.headersSeconds * 1000,
      commitMs: deps.timeouts.commitSeconds * 1000,
    },
    received: metrics.upstreamBytes.handle({ upstream: where }),
  };

  async function attempt(request: ExchangeRequest): Promise<UpstreamResponse> {
    const started = performance.now();
    try {
      const response = await sendRequest(request, sending);
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
