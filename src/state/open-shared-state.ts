import type { StateConfig } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createProcessState } from './create-process-state.ts';
import type { Log } from './log.ts';
import { createConnectRedis } from './redis/connect-redis.ts';
import { createRedisState } from './redis/create-redis-state.ts';
import { createRedisConnection } from './redis/redis-connection.ts';
import type { SharedState } from './shared-state.ts';

/** Milliseconds for a connection to open: it is made in the background, and nobody waits for it. */
const CONNECT_MS = 2_000;

/** The state that the configuration names, or that of this instance alone. Does not wait for a connection. */
export function openSharedState(
  config: StateConfig | null,
  deps: { readonly metrics: Metrics; readonly log: Log },
): SharedState {
  if (config === null) return createProcessState();
  const connection = createRedisConnection({
    connect: createConnectRedis({ ...config, connectTimeoutMs: CONNECT_MS }),
    timeoutMs: config.timeoutMilliseconds,
    ...deps,
  });
  return createRedisState(connection, config.keyPrefix);
}
