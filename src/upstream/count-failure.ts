import type { Metrics } from '../metrics/metrics.ts';
import type { UpstreamFailure } from './failure.ts';

/** Counts a failure once, however many requests it is told to and however often it is passed on. */
export function countFailure(metrics: Pick<Metrics, 'upstreamFailures'>, failure: UpstreamFailure): void {
  if (failure.isCounted) return;
  failure.isCounted = true;
  metrics.upstreamFailures.inc({ upstream: failure.where, reason: failure.kind });
}
