import type { Logger } from 'pino';
import type { Audit } from './audit/audit.ts';
import type { BlobPlaces } from './blob/blob-opener.ts';
import { createStoredBlobs } from './blob/stored-blob.ts';
import { createMemoryReads } from './cache/memory-reads.ts';
import { openPageCache } from './cache/page-cache.ts';
import { DISK, DISK_AT_ONCE } from './cache/store-fs.ts';
import type { Config, LogLevel, RegistryConfig } from './config/config.ts';
import type { Migration } from './endpoints/migration.ts';
import { openSettings } from './endpoints/settings.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import type { MetricsSnapshot } from './metrics/sum-metrics.ts';
import { createClientLimits, type LimitChange } from './policy/client-limits.ts';
import { createRollouts } from './policy/rollout.ts';
import { openProxy } from './serving/open-proxy.ts';
import { createProcessParts } from './serving/process-parts.ts';
import type { ReloadRecord } from './serving/reload-record.ts';
import { openSharedState } from './state/open-shared-state.ts';
import { parseTicketKeys } from './ticket/ticket-keys.ts';
import { openTracing } from './trace/open-tracing.ts';
import { createBatch } from './workers/batch.ts';
import { applyConfigChange } from './workers/config-change.ts';
import { type CallHandlers, createLink, type Link } from './workers/link.ts';
import type { RawPort } from './workers/raw-port.ts';
import { shareConfig } from './workers/worker-config.ts';
import { createWorkerFills } from './workers/worker-fills.ts';
import {
  type AskPrimary,
  type AskWorker,
  PULSE_MS,
  type TellPrimary,
  type TellWorker,
  type WorkerStart,
} from './workers/worker-messages.ts';
import { createWorkerState, type WorkerState } from './workers/worker-state.ts';
import { createWorkerStore, type WorkerStore } from './workers/worker-store.ts';

export type WorkerDeps = {
  readonly createLogger: (level: LogLevel) => Logger;
  readonly build: { readonly version: string; readonly revision: string };
  /** See `AppDeps.env`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends this process at once. */
  readonly exit: () => void;
};

type PrimaryLink = Link<AskPrimary, TellPrimary>;

type WorkerApp = {
  readonly calls: Pick<CallHandlers<AskWorker>, 'reload' | 'settings' | 'work' | 'drain'>;
  readonly metrics: Metrics;
  readonly state: WorkerState | undefined;
  readonly store: WorkerStore;
  readonly hearLimits: (changes: TellWorker['limits']) => void;
  /** @throws where one of the listeners can not be opened */
  readonly listen: () => Promise<void>;
};

/** Milliseconds in which what clients have at one worker becomes known to the others. */
const LIMITS_AFTER_MS = 20;
const MIGRATION_AFTER_MS = 500;

/** A worker process: does what the primary says, and ends with it. */
export function runWorker(raw: RawPort, deps: WorkerDeps): void {
  const opening = Promise.withResolvers<WorkerApp>();
  let app: WorkerApp | undefined;
  /** What was told before there was anybody to hear it. */
  const early: LimitChange[] = [];
  opening.promise.catch(() => undefined);

  const link: PrimaryLink = createLink<AskPrimary, TellPrimary, AskWorker, TellWorker>(
    raw,
    {
      async start(start) {
        try {
          app = await createWorkerApp(start, link, deps);
          app.hearLimits(early.splice(0));
          // From here on it is told what ends: nobody may be answered before.
          await app.listen();
          opening.resolve(app);
          return undefined;
        } catch (error) {
          opening.reject(error);
          throw error;
        }
      },
      // What comes while it starts counts when it has started.
      reload: async (ask) => (await opening.promise).calls.reload(ask),
      settings: async (ask) => (await opening.promise).calls.settings(ask),
      forget: (group) => {
        app?.state?.ended(group);
        return Promise.resolve(undefined);
      },
      metrics: async () => (app === undefined ? [] : countedHere(await app.metrics.snapshot())),
      work: async () => (app === undefined ? [] : app.calls.work(undefined)),
      drain: async (ask) => (await opening.promise).calls.drain(ask),
    },
    {
      removed: (digest) => app?.store.removed(digest),
      limits(changes) {
        if (app === undefined) early.push(...changes);
        else app.hearLimits(changes);
      },
      end: () => deps.exit(),
    },
  );
  // Without the primary there is no cache, no limit and nobody who would end this process.
  void link.closed.then(() => deps.exit());
}

/** The primary reloads the same files, and counts that once. */
function countedHere(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ name }) => !name.startsWith('berth_config_'));
}

async function createWorkerApp(start: WorkerStart, link: PrimaryLink, deps: WorkerDeps): Promise<WorkerApp> {
  const shared = new WeakMap<RegistryConfig, RegistryConfig>();
  const own = (next: Config): Config =>
    shareConfig(next, { kind: 'worker', workers: Number(next.workers) }, shared);
  let whole = start.config;
  const config = own(whole);
  const log = deps.createLogger(config.log.level).child({ worker: start.number });
  const tracing = await openTracing(deps.env, { version: deps.build.version, log });
  const metrics = createMetrics(deps.build, () => tracing.current());
  const audit: Audit = {
    record: (event) => link.note('audit', event),
    reopen: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const parts = createProcessParts(config, { metrics, ticketKeys: parseTicketKeys(start.ticketKeys) });
  const { work, pool } = parts;
  const shown = createBatch<{
    registry: string;
    network: string;
    event: 'storage' | 'dataEndpoint' | 'arrived';
  }>(MIGRATION_AFTER_MS, (entries) =>
    link.note(
      'migration',
      entries.map(({ by, ...entry }) => ({ ...entry, times: by })),
    ),
  );
  const migration: Pick<Migration, 'record'> = {
    record: (registry, network, event) => shown.add({ registry, network, event }, 1),
  };
  const inRollout = createRollouts();
  const settings = await openSettings({
    directory: null,
    registries: config.registries,
    inRollout: ({ rollout }, address) => inRollout(rollout, address),
    // The primary says what is switched, and shows it.
    log: log.child({}, { level: 'silent' }),
    onState: () => undefined,
    now: Date.now,
  });
  settings.follow(start.overrides);
  const changes = createBatch<{ kind: 'connections' | 'transfers' | 'requests'; key: string }>(
    LIMITS_AFTER_MS,
    (said) => link.note('limits', said),
  );
  const clientLimits = createClientLimits(
    config.limits,
    () => performance.now(),
    ({ kind, key, by }) => changes.add({ kind, key }, by),
  );
  const hearLimits: WorkerApp['hearLimits'] = (heard) => {
    for (const change of heard) clientLimits.hear(change);
  };
  hearLimits(start.limits);
  const workerState = config.state === null ? createWorkerState(link) : undefined;
  const state = workerState ?? openSharedState(config.state, { metrics, log });
  const memoryReads = createMemoryReads({ ...DISK_AT_ONCE, openPageCache, metrics, log });
  const store = createWorkerStore({ link, fs: DISK, memoryReads, now: () => performance.now() });
  const places: BlobPlaces =
    config.cache.directory === null
      ? {}
      : {
          stored: createStoredBlobs({ store, pool, log }),
          fills: createWorkerFills({ link, pool, tracing, memoryReads }),
        };
  const { serving, listeners, progress, reloads } = await openProxy(config, {
    parts,
    log,
    metrics,
    tracing,
    audit,
    settings,
    migration,
    clientLimits,
    record: createWorkerRecord(log),
    lookup: undefined,
    places,
    state,
    shared: { tlsTicketKeys: start.tlsTicketKeys },
  });
  const failing = (): string[] =>
    Object.entries(progress.checks).flatMap(([name, holds]) => (holds() ? [] : [name]));
  const pulses = setInterval(() => link.note('pulse', failing()), PULSE_MS);
  return {
    metrics,
    state: workerState,
    store,
    hearLimits,
    async listen() {
      for (const listener of listeners) await listener.listen();
    },
    calls: {
      async reload({ change, ticketKeys }) {
        // At once, whatever becomes of it: the next change is made from this one.
        whole = applyConfigChange(whole, change);
        const wanted = own(whole);
        await reloads.reload({
          config: () => Promise.resolve(wanted),
          ticketKeys: () => Promise.resolve(parseTicketKeys(ticketKeys)),
        });
        return undefined;
      },
      settings(overrides) {
        settings.follow(overrides);
        return Promise.resolve(undefined);
      },
      work: () => Promise.resolve(work.list()),
      async drain({ withinMs }) {
        metrics.draining.set({}, 1);
        reloads.close();
        await Promise.all(listeners.map((listener) => listener.drain(withinMs)));
        clearInterval(pulses);
        progress.close();
        store.close();
        changes.flush();
        shown.flush();
        await serving.close();
        await state.close();
        await tracing.close();
        return countedHere(await metrics.snapshot());
      },
    },
  };
}

/** The primary has said what is wrong with the files; what this process alone could not take up is to be known as well. */
function createWorkerRecord(log: Pick<Logger, 'error'>): ReloadRecord {
  return {
    note(part, outcome) {
      if (outcome.result !== 'rejected') return;
      log.error(
        { part, reason: outcome.reason },
        'not reloaded by this worker; the last good one stays in force',
      );
    },
    forget: () => undefined,
  };
}
