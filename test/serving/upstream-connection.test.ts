import t from 'tap';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createUpstreamConnection } from '../../src/serving/upstream-connection.ts';
import { createUpstreamQueues, type UpstreamQueues } from '../../src/serving/upstream-queues.ts';
import { NO_TRACING } from '../../src/trace/tracing.ts';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { configFile, loaded, loadedRegistry } from '../support/config-file.ts';

const CONFIG = loaded(configFile());
const REGISTRY = loadedRegistry();
const REGIONAL = {
  ...REGISTRY,
  regions: REGISTRY.regions.map((region, index) => ({
    ...region,
    upstream: index === 0 ? null : { url: 'https://contoso-west.azurecr.io', auth: null },
  })),
};

function open(registry = REGISTRY) {
  const metrics = createMetrics();
  const real = createUpstreamQueues(metrics);
  let taken = 0;
  const queues: UpstreamQueues = {
    take(of) {
      const kept = real.take(of);
      taken += 1;
      return {
        queue: kept.queue,
        release() {
          taken -= 1;
          kept.release();
        },
      };
    },
    keep: (of) => real.keep(of),
  };
  const connection = createUpstreamConnection(registry, CONFIG, undefined, {
    queues,
    log: createLogger({ level: 'error', destination: { write: () => undefined } }),
    metrics,
    pool: createBufferPool(1024 * 1024),
    lookup: undefined,
    tracing: NO_TRACING,
    state: { kind: 'process' } as never,
    onClosed: () => undefined,
  });
  /** Regions whose health anybody looks after. */
  async function watched(): Promise<number> {
    const { text } = await metrics.exposition('prometheus');
    return text.split('\n').filter((line) => line.startsWith('berth_region_healthy{')).length;
  }
  return { connection, watched, taken: () => taken };
}

t.test('opened by the first request', async (t) => {
  const { connection, taken } = open();
  connection.take(REGISTRY.upstream.limits);
  t.equal(connection.upstream.opened, undefined);
  t.ok(connection.upstream.value);
  t.equal(taken(), 1);
  await connection.upstream.close();
  t.equal(taken(), 0);
});

t.test(
  'several regions are opened when they are in force, and not while they are only checked',
  async (t) => {
    const { connection, taken, watched } = open(REGIONAL);
    t.equal(connection.upstream.opened, undefined, 'nobody is probed');
    t.equal(await watched(), 0);
    connection.take(REGIONAL.upstream.limits);
    t.ok(connection.upstream.opened?.regions);
    t.equal(await watched(), 2);
    await connection.upstream.close();
    t.equal(taken(), 0);
    t.equal(await watched(), 0);

    const discarded = open(REGIONAL);
    discarded.connection.upstream.retire();
    t.equal(discarded.taken(), 0);
    t.equal(await discarded.watched(), 0);
  },
);

t.test('a request that comes after its end gets a closed one, and keeps no queue', async (t) => {
  for (const registry of [REGISTRY, REGIONAL]) {
    const { connection, taken, watched } = open(registry);
    await connection.upstream.close();
    const late = connection.upstream.value;
    await t.rejects(late.ping(AbortSignal.timeout(5000)));
    t.equal(taken(), 0);
    t.equal(await watched(), 0);
  }
});
