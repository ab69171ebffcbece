import type { AuditEvent } from '../audit/audit.ts';
import type { ConsoleConfig, RegistryConfig } from '../config/config.ts';
import type { Migration } from '../endpoints/migration.ts';
import { migrationReport } from '../endpoints/migration-report.ts';
import { registryDocument } from '../endpoints/registry-document.ts';
import type { Settings } from '../endpoints/settings.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { WorkView } from '../metrics/running-work.ts';
import type { ConsoleCache, ConsoleCertificate, ConsoleFacts, ConsoleRegion } from './console-facts.ts';
import { createConsoleListener } from './console-listener.ts';
import { createRefusalTally } from './refusal-tally.ts';
import { createTrafficHistory, SAMPLE_MS, type TrafficTotals } from './traffic-history.ts';

export type ConsoleDeps = {
  readonly version: string;
  readonly metrics: Metrics;
  readonly settings: Settings;
  readonly migration: Migration;
  readonly work: { list(): readonly WorkView[] | Promise<readonly WorkView[]> };
  /** Those of the configuration in force. */
  readonly registries: () => readonly RegistryConfig[];
  readonly regions: () => readonly ConsoleRegion[];
  readonly certificates: () => readonly ConsoleCertificate[];
  /** By name, whether each condition for traffic holds now. */
  readonly checks: Readonly<Record<string, () => boolean>>;
  /** Bytes that the disk cache may have; undefined: there is none. */
  readonly cacheMaxBytes: number | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
};

export type Console = {
  /** Counts a refusal for the table of the most frequent ones. */
  refused(event: AuditEvent): void;
  /** @throws where the address cannot be listened on; Node's message names it */
  listen(): Promise<{ address: string; port: number }>;
  close(): Promise<void>;
};

/** Refusals shown: what is rarer is in the audit log. */
const TOP_REFUSALS = 20;

/** The console, which looks at everything and changes nothing (docs/console.md). */
export function createConsole(config: ConsoleConfig, deps: ConsoleDeps): Console {
  const { metrics, now } = deps;
  const startedAt = now();
  const history = createTrafficHistory(startedAt);
  const refusals = createRefusalTally(now);
  const listener = createConsoleListener(config, { facts: gather });
  let sampling: NodeJS.Timeout | undefined;

  async function gather(): Promise<ConsoleFacts> {
    return {
      now: now(),
      startedAt,
      version: deps.version,
      failingChecks: Object.keys(deps.checks).filter((name) => deps.checks[name]?.() === false),
      connections: await metrics.connectionsOpen.value({}),
      registries: deps.registries().map((registry) => {
        const state = deps.settings.stateOf(registry);
        return {
          document: registryDocument(registry, state),
          migration: migrationReport(registry, state, deps.migration.counts(registry.name), now()),
        };
      }),
      regions: deps.regions(),
      traffic: history.samples(),
      work: await deps.work.list(),
      refusals: refusals.top(TOP_REFUSALS),
      certificates: deps.certificates(),
      cache: await cacheFacts(metrics, deps.cacheMaxBytes),
    };
  }

  return {
    refused: (event) => refusals.record(event),
    async listen() {
      const bound = await listener.listen();
      sampling = setInterval(() => {
        // Of a failure the next page tells, which asks the same.
        trafficTotals(metrics).then(
          (totals) => history.add(now(), totals),
          () => undefined,
        );
      }, SAMPLE_MS);
      return bound;
    },
    async close() {
      clearInterval(sampling);
      await listener.close();
    },
  };
}

async function trafficTotals(metrics: Metrics): Promise<TrafficTotals> {
  const { blobTransmitBytes, upstreamBytes, blobCacheRequests } = metrics;
  const [cache, fill, upstream, storage, registry, hits, misses] = await Promise.all([
    blobTransmitBytes.value({ source: 'cache' }),
    blobTransmitBytes.value({ source: 'fill' }),
    blobTransmitBytes.value({ source: 'upstream' }),
    upstreamBytes.value({ upstream: 'storage' }),
    upstreamBytes.value({ upstream: 'registry' }),
    blobCacheRequests.value({ result: 'hit' }),
    blobCacheRequests.value({ result: 'miss' }),
  ]);
  return { cache, fill, upstream, fetched: storage + registry, hits, misses };
}

async function cacheFacts(
  { cacheSizeBytes, cacheEntries, cacheDegraded }: Metrics,
  maxBytes: number | undefined,
): Promise<ConsoleCache | undefined> {
  if (maxBytes === undefined) return undefined;
  const degraded: string[] = [];
  for (const reason of ['no_room', 'read_only', 'io_error'] as const) {
    if ((await cacheDegraded.value({ reason })) > 0) degraded.push(reason);
  }
  return {
    publishedBytes: await cacheSizeBytes.value({ state: 'published' }),
    partialBytes: await cacheSizeBytes.value({ state: 'partial' }),
    blobs: await cacheEntries.value({ state: 'published' }),
    maxBytes,
    degraded,
  };
}
