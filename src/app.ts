import type { lookup as dnsLookup } from 'node:dns';
import type { Logger } from 'pino';
import { createControl } from './admin/control.ts';
import { type Audit, createAudit } from './audit/audit.ts';
import type { ResumeLimits } from './blob/resume.ts';
import type { Config, RegistryConfig } from './config/config.ts';
import { livePart } from './config/live-part.ts';
import type { ConsoleRegion } from './console/console-facts.ts';
import { type Console, createConsole } from './console/create-console.ts';
import { servedCertificates } from './console/served-certificates.ts';
import { createMigration } from './endpoints/migration.ts';
import { describeError } from './listener/describe-error.ts';
import { createHealthListener, type HealthListener } from './listener/health-listener.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createClientLimits } from './policy/client-limits.ts';
import { keepEqualRegistries } from './serving/keep-equal.ts';
import { openBlobPlaces } from './serving/open-blob-places.ts';
import { type OpenedCrew, openCrew } from './serving/open-crew.ts';
import { openProxy } from './serving/open-proxy.ts';
import { openSwitches } from './serving/open-switches.ts';
import { createProcessParts } from './serving/process-parts.ts';
import { createReloadRecord } from './serving/reload-record.ts';
import type { ReloadSources } from './serving/reloads.ts';
import type { Serving } from './serving/serving.ts';
import { openSharedState } from './state/open-shared-state.ts';
import { closeInTurn } from './system/close-in-turn.ts';
import { createTurns } from './system/turns.ts';
import type { TicketKeys } from './ticket/ticket-keys.ts';
import { openTracing } from './trace/open-tracing.ts';
import type { ProbeTimings } from './upstream/regional/start-probes.ts';
import type { ForkWorker } from './workers/raw-port.ts';
import { shareConfig, workerCount } from './workers/worker-config.ts';

export type AppDeps = {
  readonly log: Logger;
  readonly ticketKeys: TicketKeys;
  readonly build?: { readonly version: string; readonly revision: string };
  /** For what is set by its own standard variables: `OTEL_…` (docs/tracing.md). Left out: none is set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Resolves the names of upstreams and storage; tests bring their own. */
  readonly lookup?: typeof dnsLookup;
  /** Of transfers that break off; tests have less patience. */
  readonly resumeLimits?: Partial<ResumeLimits>;
  /** Of probes of regions; tests have less patience. */
  readonly regionTimings?: Partial<ProbeTimings>;
  /** Starts one of `workers`; left out: there is one process, and a configuration with more is refused. */
  readonly forkWorker?: ForkWorker;
};

export type BoundAddress = { readonly address: string; readonly port: number };

export type BoundAddresses = {
  readonly listeners: readonly BoundAddress[];
  readonly metrics: BoundAddress | null;
  readonly console: BoundAddress | null;
};

export type App = {
  /** Opens all listeners, or none: the first that can not be opened closes the others and is thrown. */
  start(): Promise<BoundAddresses>;
  /** Stops accepting, lets transfers under way end within `timeouts.drainSeconds`, then closes everything. */
  stop(): Promise<void>;
  /**
   * Takes up what the configuration and the files it names say now, checked first; what is wrong leaves the last good one
   * in force, and is said in log and metrics. Never rejects.
   */
  reload(sources: ReloadSources): Promise<void>;
  /** For whoever rotates `audit.file`: from now on, refusals go to what has its path now. */
  reopenAuditLog(): Promise<void>;
};

/** Milliseconds for each part: a catalog of millions of blobs takes seconds to write, a disk that hangs never ends. */
const CLOSE_MS = 30_000;

/**
 * The composition root: the only place where parts are wired together.
 *
 * @throws AuditFileError, CertificateError, HtpasswdFileError, SettingsError, or an Error that names the host that no certificate covers
 */
export async function createApp(whole: Config, deps: AppDeps): Promise<App> {
  const workers = workerCount(whole);
  const shared = new WeakMap<RegistryConfig, RegistryConfig>();
  const own = (next: Config): Config =>
    workers === 1 ? next : shareConfig(next, { kind: 'primary', workers }, shared);
  const config = own(whole);
  let crew: OpenedCrew | undefined;
  const tracing = await openTracing(deps.env ?? {}, {
    version: deps.build?.version ?? 'unknown',
    log: deps.log,
  });
  const others = { gather: async () => (await crew?.metrics.gather()) ?? [] };
  const metrics = createMetrics(deps.build, () => tracing.current(), workers === 1 ? undefined : others);
  const written = createAudit({ file: config.audit.file, log: deps.log, metrics });
  const audit: Audit = {
    ...written,
    record(event) {
      written.record(event);
      consolePage?.refused(event);
    },
  };
  const parts = createProcessParts(config, { metrics, ticketKeys: deps.ticketKeys });
  const { work, ticketKeys } = parts;
  const migration = createMigration({ now: Date.now });
  const settings = await openSwitches(config, { log: deps.log, metrics });
  const record = createReloadRecord({ metrics, log: deps.log, now: Date.now });
  const state = openSharedState(config.state, { metrics, log: deps.log });
  const shelf = await openBlobPlaces(config.cache, {
    ...parts,
    state,
    metrics,
    log: deps.log,
    resumeLimits: deps.resumeLimits,
    onRemoved: (digest) => crew?.removed(digest),
  });
  // Whole, too; what needs a restart is in force as it was before the last reload, not as it was at the start.
  let [read, inForce] = [whole, whole];
  const { serving, listeners, progress, reloads } = await openProxy(config, {
    parts,
    log: deps.log,
    metrics,
    tracing,
    audit,
    settings,
    migration,
    clientLimits: createClientLimits(config.limits, () => performance.now()),
    record,
    lookup: deps.lookup,
    places: shelf.places,
    resumeLimits: deps.resumeLimits,
    regionTimings: deps.regionTimings,
    // What workers ask of it counts for the primary's own questions, too.
    state: workers > 1 && state.kind === 'process' ? { ...state, kind: 'workers' } : state,
    onConfig() {
      inForce = livePart(inForce, read).config;
    },
  });
  let draining = false;
  if (workers > 1) {
    const { forkWorker } = deps;
    if (forkWorker === undefined) throw new Error('workers: this program can not start processes of its own');
    crew = openCrew(whole, workers, {
      fork: forkWorker,
      shelf,
      serving,
      state,
      settings,
      ticketKeys: ticketKeys.current,
      inForce: () => inForce,
      audit: (event) => audit.record(event),
      migration,
      tracing,
      metrics,
      log: deps.log,
    });
  }

  let health: HealthListener | undefined;
  const checks = {
    draining: () => !draining,
    ...progress.checks,
    ...crew?.checks(progress.checks),
  };
  const consolePage: Console | undefined =
    config.console === null
      ? undefined
      : createConsole(config.console, {
          version: deps.build?.version ?? 'unknown version',
          metrics,
          settings,
          migration,
          work: { list: async () => [...work.list(), ...((await crew?.work()) ?? [])] },
          registries: () => serving.config.registries,
          regions: () => regionStates(serving),
          certificates: () => servedCertificates(listeners.flatMap(({ certificates }) => [...certificates])),
          checks,
          cacheMaxBytes: config.cache.directory === null ? undefined : config.cache.maxBytes,
          now: Date.now,
        });

  async function listen(): ReturnType<App['start']> {
    const bound: BoundAddress[] = [];
    if (crew !== undefined) bound.push(...(await crew.listen()));
    else for (const listener of listeners) bound.push(await listener.listen());
    if (config.metrics !== null) {
      health = createHealthListener(config.metrics, { metrics, checks });
    }
    return {
      listeners: bound,
      metrics: health === undefined ? null : await health.listen(),
      console: consolePage === undefined ? null : await consolePage.listen(),
    };
  }

  const control =
    config.admin === null
      ? undefined
      : createControl(config.admin.socket, {
          registries: () => serving.config.registries,
          settings: crew?.settings ?? settings,
          migration,
          watchedRegions: ({ name }) => serving.regions(name),
          ...(shelf.store !== undefined && { cache: shelf.store }),
          log: deps.log,
          now: Date.now,
        });

  return {
    async start() {
      // First, as it is what tells that another Berth works with the same state.
      await control?.listen();
      try {
        await settings.start();
      } catch (error) {
        await control?.close();
        await settings.close();
        throw error;
      }
      try {
        return await listen();
      } catch (error) {
        await Promise.all(listeners.map((listener) => listener.drain(0)));
        await crew?.drain(0);
        await health?.close();
        await consolePage?.close();
        await control?.close();
        await settings.close();
        throw error;
      }
    },
    async stop() {
      draining = true;
      reloads.close();
      metrics.draining.set({}, 1);
      const closing = {
        withinMs: CLOSE_MS,
        onFailure: (what: string, error: unknown) =>
          deps.log.error(
            { what, error: error === undefined ? 'it takes too long' : describeError(error) },
            'not closed: look at the disk that it is on',
          ),
      };
      const within = serving.config.timeouts.drainSeconds * 1000;
      // At once: clients wait for no disk.
      await Promise.all([
        crew?.drain(within),
        ...listeners.map((listener) => listener.drain(within)),
        closeInTurn(
          [
            ['control socket', async () => control?.close()],
            ['settings', () => settings.close()],
          ],
          closing,
        ),
      ]);
      await closeInTurn(
        [
          ['metrics', async () => health?.close()],
          ['console', async () => consolePage?.close()],
          ['progress', async () => progress.close()],
          ['cache', () => shelf.close()],
          ['upstreams', () => serving.close()],
          ['state', () => state.close()],
          ['audit log', () => audit.close()],
          ['tracing', () => tracing.close()],
        ],
        closing,
      );
    },
    async reload(sources) {
      await reloads.reload({
        async config() {
          const next = await sources.config();
          // Of the whole configuration, too: workers are told of those that are others.
          const registries = await keepEqualRegistries(inForce.registries, next.registries, createTurns());
          read = { ...next, registries };
          return own(read);
        },
        ticketKeys: (next) => sources.ticketKeys(next),
      });
      if (!draining) await crew?.reload();
    },
    reopenAuditLog: () => audit.reopen(),
  };
}

/** For the console: the regions that are watched. */
function regionStates(serving: Serving): ConsoleRegion[] {
  return serving.config.registries.flatMap(({ name }) => {
    return serving.regions(name).map(({ region, state, reason, since }) => ({
      registry: name,
      region,
      state,
      why: reason ?? '–',
      since,
    }));
  });
}
