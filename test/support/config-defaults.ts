import type { Config, Limits } from '../../src/config/config.ts';

/** The limits of a Berth under test: none that one test meets by chance. */
export const TEST_LIMITS: Limits = {
  connections: 1000,
  headerBytes: 16 * 1024,
  manifestBytes: 4 * 1024 * 1024,
  tokenBytes: 64 * 1024,
  bufferBytes: 64 * 1024 * 1024,
  upstreamConnections: 64,
  upstreamMinBytesPerSecond: 0,
  connectionsPerClient: null,
  requestsPerClient: null,
  transfersPerClient: null,
};

/** Its deadlines: long enough for a machine that does many things at once. */
export const TEST_TIMEOUTS: Config['timeouts'] = {
  connectSeconds: 5,
  headersSeconds: 10,
  commitSeconds: 30,
  idleSeconds: 10,
  requestHeadersSeconds: 5,
  drainSeconds: 2,
};
