import type { Instruments } from './instruments.ts';

/**
 * How a fill ended. `kept`: nobody needed it any more, what it has waits for the next one. `found`: the blob was published
 * meanwhile. `unavailable`: the store or a limit did not take it.
 */
const FILL_RESULTS = [
  'published',
  'kept',
  'found',
  'failed',
  'mismatch',
  'spool_failed',
  'unavailable',
] as const;
export type FillResult = (typeof FILL_RESULTS)[number];

/** Fills of the cache, and who shares them. */
export function fillMetrics(make: Instruments) {
  return {
    fills: make.counter('berth_fills_total', 'Fills that have ended, by outcome.', { result: FILL_RESULTS }),
    fillsInFlight: make.gauge('berth_fills_in_flight', 'Fills under way.', {}),
    fillHedges: make.counter(
      'berth_fill_hedges_total',
      'Pieces that were slower than most of their fill and were asked for a second time, by outcome.',
      { result: ['won', 'lost', 'failed'] },
    ),
    fillJoins: make.counter(
      'berth_fill_joins_total',
      'Blob requests that were not in the cache, by whether they shared a fill.',
      { result: ['started', 'joined', 'refused'] },
    ),
  };
}
