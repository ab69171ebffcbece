import { accessMetrics } from './access-metrics.ts';
import { blobMetrics } from './blob-metrics.ts';
import { cacheMetrics } from './cache-metrics.ts';
import { fillMetrics } from './fill-metrics.ts';
import type { ExemplarLabels, ExpositionFormat } from './instruments.ts';
import { createInstruments } from './instruments.ts';
import { processMetrics } from './process-metrics.ts';
import { redirectMetrics } from './redirect-metrics.ts';
import { regionMetrics } from './region-metrics.ts';
import { reloadMetrics } from './reload-metrics.ts';
import { requestMetrics } from './request-metrics.ts';
import { sharedBlobMetrics } from './shared-blob-metrics.ts';
import { stateMetrics } from './state-metrics.ts';
import type { OtherProcesses } from './sum-metrics.ts';
import { ticketMetrics } from './ticket-metrics.ts';
import { transferMetrics } from './transfer-metrics.ts';
import { uploadMetrics } from './upload-metrics.ts';
import { upstreamMetrics } from './upstream-metrics.ts';

export type * from './access-metrics.ts';
export type * from './blob-metrics.ts';
export type * from './cache-metrics.ts';
export type * from './fill-metrics.ts';
export type { Counter, CounterHandle, Gauge, Histogram } from './instruments.ts';
export type * from './labels.ts';
export { codeLabel, methodLabel } from './labels.ts';
export type * from './redirect-metrics.ts';
export type * from './region-metrics.ts';
export type * from './reload-metrics.ts';
export type * from './request-metrics.ts';
export type * from './shared-blob-metrics.ts';
export type * from './state-metrics.ts';
export type * from './ticket-metrics.ts';
export type * from './upstream-metrics.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric of Berth, on a registry of its own. docs/metrics.md says when each one moves; a test compares the two
 * both ways. `build` names the running program in `berth_build_info`; `others`: see `createInstruments`.
 */
export function createMetrics(
  build: { version: string; revision: string } = { version: '', revision: '' },
  exemplar: () => ExemplarLabels | undefined = () => undefined,
  others?: OtherProcesses,
) {
  const make = createInstruments(exemplar, others);
  make.info('berth_build_info', 'Always 1; its labels name the running build.', build);
  return {
    /** The whole of it; exemplars only in `openmetrics`. */
    exposition: (format: ExpositionFormat) => make.exposition(format),
    /** In Prometheus' own format. */
    text: async (): Promise<string> => (await make.exposition('prometheus')).text,
    descriptions: make.descriptions,
    /** What this process alone has counted, for the one that sums it. */
    snapshot: () => make.snapshot(),

    ...requestMetrics(make),
    ...accessMetrics(make),
    ...uploadMetrics(make),
    ...redirectMetrics(make),
    ...regionMetrics(make),
    ...ticketMetrics(make),
    ...blobMetrics(make),
    ...fillMetrics(make),
    ...transferMetrics(make),
    ...cacheMetrics(make),
    ...stateMetrics(make),
    ...sharedBlobMetrics(make),
    ...upstreamMetrics(make),
    ...reloadMetrics(make),
    ...processMetrics(make),
  };
}
