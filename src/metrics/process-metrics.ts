import type { Instruments } from './instruments.ts';
import { STUCK_KINDS } from './progress-watch.ts';

/** The processes themselves. */
export function processMetrics(make: Instruments) {
  return {
    tlsCertificateNotAfter: make.gauge(
      'berth_tls_certificate_not_after_timestamp_seconds',
      'When the first of the served certificates expires, Unix time; 0 without TLS.',
      {},
      Math.min,
    ),
    stuck: make.gauge('berth_stuck', 'What stands still although nobody outside is to be waited for.', {
      kind: STUCK_KINDS,
    }),
    stuckSeconds: make.gauge(
      'berth_stuck_seconds',
      'For how long the longest of it has stood still.',
      { kind: STUCK_KINDS },
      Math.max,
    ),
    draining: make.gauge('berth_draining', '1 from the signal to stop until the end.', {}, Math.max),
    workers: make.gauge(
      'berth_workers',
      'Worker processes, by state; none with `workers: 1`, where one process does all.',
      { state: ['starting', 'running'] },
    ),
    workerRestarts: make.counter(
      'berth_worker_restarts_total',
      'Worker processes that ended by themselves or hung, and were replaced.',
      {},
    ),
  };
}
