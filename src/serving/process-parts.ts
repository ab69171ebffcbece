import type { Config } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createRunningWork, type RunningWork } from '../metrics/running-work.ts';
import { createStateSeal, type StateSeal } from '../ticket/state-seal.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';
import { type BufferPool, createBufferPool } from '../upstream/buffer-pool.ts';

/** What each process of an instance has for itself, before anything is opened. */
export type ProcessParts = {
  readonly work: RunningWork;
  readonly pool: BufferPool;
  readonly ticketKeys: {
    readonly current: () => TicketKeys;
    readonly replace: (keys: TicketKeys) => void;
  };
  readonly seal: StateSeal;
};

export function createProcessParts(
  { limits }: Pick<Config, 'limits'>,
  deps: { readonly metrics: Metrics; readonly ticketKeys: TicketKeys },
): ProcessParts {
  let keys = deps.ticketKeys;
  const pool = createBufferPool(limits.bufferBytes);
  deps.metrics.bufferPoolBytes.collect(() => [
    [{ state: 'in_use' }, pool.bytes.lent],
    [{ state: 'free' }, pool.bytes.free],
  ]);
  return {
    work: createRunningWork(Date.now),
    pool,
    ticketKeys: {
      current: () => keys,
      replace(next) {
        keys = next;
      },
    },
    seal: createStateSeal(() => keys),
  };
}
