import type { Instruments } from './instruments.ts';

/** What the shared state was asked. `turn`: a request to an upstream, within the budget of all replicas. */
const STATE_OPERATIONS = ['look', 'keep', 'forget', 'turn', 'pause', 'lease', 'note', 'read'] as const;
export type StateOperation = (typeof STATE_OPERATIONS)[number];

/** `timeout`: no answer within the deadline; `unavailable`: there is no connection now; `failed`: it was refused. */
const STATE_RESULTS = ['ok', 'timeout', 'unavailable', 'failed'] as const;
export type StateResult = (typeof STATE_RESULTS)[number];

/** State that replicas share. */
export function stateMetrics(make: Instruments) {
  return {
    stateOperations: make.counter(
      'berth_state_operations_total',
      'Questions to the shared state (`state`), by outcome.',
      { operation: STATE_OPERATIONS, result: STATE_RESULTS },
    ),
    stateAvailable: make.gauge(
      'berth_state_available',
      '1 while the shared state can be asked, 0 while this instance works by itself.',
      {},
      Math.min,
    ),
  };
}
