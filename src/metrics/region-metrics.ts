import type { Instruments } from './instruments.ts';
import { REGION_NAMES, REGISTRY_NAMES } from './labels.ts';

/**
 * Why a region was left for the next. `unhealthy`: it was not asked. `outage`: it did not answer. `not_found`: it does not have
 * it, or not yet. `storage`: what it names fails.
 */
const REGION_FAILOVERS = ['unhealthy', 'outage', 'not_found', 'storage'] as const;
export type FailoverReason = (typeof REGION_FAILOVERS)[number];

/** Regions: how healthy each is, and when it is left for the next. */
export function regionMetrics(make: Instruments) {
  return {
    regionsUnmatched: make.counter(
      'berth_regions_unmatched_total',
      "Redirects to a storage host that no region's `match` names; the client's region or home was used.",
      {},
    ),
    regionHealthy: make.gauge(
      'berth_region_healthy',
      '1 while the region is used, 0 while it is left out; only where a region has an upstream of its own.',
      { registry: REGISTRY_NAMES, region: REGION_NAMES },
      Math.min,
    ),
    regionProbes: make.counter('berth_region_probes_total', 'Probes of regions, by result.', {
      registry: REGISTRY_NAMES,
      region: REGION_NAMES,
      result: ['ok', 'failed'],
    }),
    regionRequests: make.counter(
      'berth_region_requests_total',
      'Requests to a region, by what they said about its health.',
      {
        registry: REGISTRY_NAMES,
        region: REGION_NAMES,
        part: ['registry', 'storage'],
        result: ['ok', 'failed'],
      },
    ),
    regionFailovers: make.counter(
      'berth_region_failovers_total',
      'Questions for which the region was left for the next one, by reason.',
      { registry: REGISTRY_NAMES, region: REGION_NAMES, reason: REGION_FAILOVERS },
    ),
  };
}
