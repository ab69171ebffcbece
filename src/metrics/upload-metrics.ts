import type { Instruments } from './instruments.ts';

/** What clients push. */
export function uploadMetrics(make: Instruments) {
  return {
    uploads: make.counter('berth_uploads_total', 'Upload requests, by outcome.', {
      result: ['started', 'continued', 'completed', 'mounted', 'cancelled', 'refused', 'failed'],
    }),
  };
}
