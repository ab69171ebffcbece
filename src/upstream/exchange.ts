import type { Dispatcher } from 'undici';
import type { Timeouts } from '../config/config.ts';
import type { CounterHandle } from '../metrics/instruments.ts';
import { codeLabel, type Metrics } from '../metrics/metrics.ts';
import { NO_TRACING, type Tracing, traced } from '../trace/tracing.ts';
import { countFailure } from './count-failure.ts';
import { endBody } from './end-body.ts';
import { classifyFailure, UpstreamFailure, type UpstreamRole } from './failure.ts';
import { type ExchangeRequest, leftByClient, type SendDeps, sendRequest } from './send-request.ts';
import type { UpstreamResponse } from './upstream-response.ts';

export type { ExchangeRequest, QueueWait } from './send-request.ts';
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
  const byCode = new Map<string, CounterHandle>();

  function answered(status: number): void {
    const code = codeLabel(status);
    let counter = byCode.get(code);
    if (counter === undefined) {
      counter = metrics.upstreamRequests.handle({ upstream: where, code });
      byCode.set(code, counter);
    }
    counter.inc();
  }

  async function ask(request: ExchangeRequest): Promise<UpstreamResponse> {
    for (let isRepeated = false; ; isRepeated = true) {
      const started = performance.now();
      try {
        const response = await sendRequest(request, sending);
        refuseStatus(response);
        answered(response.status);
        metrics.upstreamRequestDuration.observe({ upstream: where }, (performance.now() - started) / 1000);
        return response;
      } catch (error) {
        const failure = classifyFailure(error, where);
        // A client that leaves is not a fault of the upstream's.
        if (!leftByClient(request.signal)) countFailure(metrics, failure);
        if (isRepeated || !mayRepeat(failure, request)) throw failure;
      }
    }
  }

  function refuseStatus(response: UpstreamResponse): void {
    if (response.status <= 599) return;
    void endBody(response);
    const message = `${where}: status ${response.status} is none`;
    throw new UpstreamFailure('http_protocol_error', where, message);
  }

  const { tracing = NO_TRACING } = deps;
  if (!tracing.isOn) return ask;

  return async (request) => {
    const span = tracing.begin(`${request.method} ${where}`, 'client', {
      'http.request.method': request.method,
      'server.address': URL.parse(request.origin)?.host,
      'berth.upstream': where,
    });
    return traced(span, async () => {
      // Storage is told nothing of our traces; neither is a token service, which may be anybody's.
      const headers = where === 'registry' ? { ...request.headers, ...tracing.fields() } : request.headers;
      const response = await ask({ ...request, headers });
      span.set({ 'http.response.status_code': response.status });
      return response;
    });
  };
}

/**
 * An idle connection that the upstream closes just as it is used looks like a failed request. RFC 9110 §9.2.2: repeated
 * once, for what is safe and has no body.
 */
function mayRepeat({ kind }: UpstreamFailure, request: ExchangeRequest): boolean {
  return (
    kind === 'connection_terminated' &&
    (request.method === 'GET' || request.method === 'HEAD') &&
    request.body === undefined &&
    !request.signal.aborted
  );
}
