import type { Logger } from 'pino';
import { BODY_RESUME_LIMITS } from '../blob/resume.ts';
import type { Config } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createProgressWatch } from '../metrics/progress-watch.ts';
import type { RunningWork } from '../metrics/running-work.ts';
import { type BufferPool, SMALL_SLAB } from '../upstream/buffer-pool.ts';
import { upstreamPatienceMs } from './upstream-patience.ts';
import { type StuckReport, watchProgress } from './watch-progress.ts';

/** Whether what this process has under way moves, by the limits of the configuration in force. */
export function watchProcess(deps: {
  readonly work: RunningWork;
  readonly pool: BufferPool;
  /** The pool's budget, in bytes. */
  readonly bufferBytes: number;
  readonly config: () => Pick<Config, 'readiness' | 'timeouts'>;
  readonly metrics: Metrics;
  readonly log: Logger;
}): StuckReport {
  const { work, pool, bufferBytes, config, metrics, log } = deps;
  // What is left over holds no buffer: the pool never lends it.
  const budget = bufferBytes - (bufferBytes % SMALL_SLAB);
  const watch = createProgressWatch({
    work,
    buffers: () => ({ lent: pool.bytes.lent, budget, returns: pool.returns }),
    // Only how long the buffers stand still is measured by it: a clock that is set must not change that.
    now: () => performance.now(),
    stuckMs: () => config().readiness.stuckSeconds * 1000,
    upstreamPatienceMs: () => upstreamPatienceMs(config().timeouts, BODY_RESUME_LIMITS),
  });
  return watchProgress(watch, { metrics, log });
}
