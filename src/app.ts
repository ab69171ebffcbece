import type { lookup as dnsLookup } from 'node:dns';
import type { Logger } from 'pino';
import { createControl } from './admin/control.ts';
import { createAudit } from './audit/audit.ts';
import { createBlobLengths } from './blob/blob-lengths.ts';
import { createBlobResponder } from './blob/respond-blob.ts';
import { createManifestStore } from './cache/manifest-store.ts';
import type { Config, RegistryConfig } from './config/config.ts';
import { createDataEndpoint } from './data-endpoint/data-endpoint.ts';
import { createHostTable, type HostMatch } from './endpoints/host-table.ts';
import { createMigration, type Migration } from './endpoints/migration.ts';
import { openSettings, type Settings } from './endpoints/settings.ts';
import { admitNetwork } from './listener/admit-network.ts';
import { createListener, type Listener } from './listener/create-listener.ts';
import { createDoorRequest, type DoorRequest } from './listener/door-request.ts';
import { createHealthListener, type HealthListener } from './listener/health-listener.ts';
import type { RequestContext } from './listener/request-context.ts';
import { uncoveredHosts } from './listener/tls.ts';
import { createDecisions } from './login-server/decisions.ts';
import { createLoginServer } from './login-server/login-server.ts';
import type { ManifestAnswer } from './login-server/manifest-answer.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { statusError } from './oci/status-error.ts';
import { clientNetwork } from './policy/client-network.ts';
import { createClientPolicy } from './policy/client-policy.ts';
import { createNetworkRules, type NetworkRules } from './policy/network-rules.ts';
import { createRepositoryRules } from './policy/repository-rules.ts';
import { createRollouts } from './policy/rollout.ts';
import type { TicketKeys } from './ticket/ticket-keys.ts';
import { createBufferPool } from './upstream/buffer-pool.ts';
import { UpstreamFailure } from './upstream/failure.ts';
import { failureToOciError } from './upstream/failure-to-oci-error.ts';
import { createSlabSocket } from './upstream/slab-socket.ts';
import {
  type BlobLocation,
  createUpstreamRegistry,
  type UpstreamRegistry,
} from './upstream/upstream-registry.ts';

export type AppDeps = {
  readonly log: Logger;
  readonly ticketKeys: TicketKeys;
  readonly build?: { readonly version: string; readonly revision: string };
  /** Resolves the names of upstreams and storage; tests bring their own. */
  readonly lookup?: typeof dnsLookup;
};

export type BoundAddress = { readonly address: string; readonly port: number };

export type App = {
  /** Opens all listeners, or none: the first that can not be opened closes the others and is thrown. */
  start(): Promise<{ readonly listeners: readonly BoundAddress[]; readonly metrics: BoundAddress | null }>;
  /** Stops accepting, lets transfers under way end within `timeouts.drainSeconds`, then closes everything. */
  stop(): Promise<void>;
  /** For whoever rotates `audit.file`: from now on, refusals go to what has its path now. */
  reopenAuditLog(): Promise<void>;
};

type Doors = {
  readonly networkRules: NetworkRules;
  readonly upstream: UpstreamRegistry;
  readonly loginServer: (call: DoorRequest) => Promise<void>;
  readonly dataEndpoint: (call: DoorRequest, host: string, region: string) => Promise<void>;
};

/**
 * The composition root: the only place where parts are wired together.
 *
 * @throws AuditFileError, CertificateError, HtpasswdFileError, SettingsError, or an Error that names the host that no certificate covers
 */
export async function createApp(config: Config, deps: AppDeps): Promise<App> {
  const metrics = createMetrics(deps.build);
  const audit = createAudit({ file: config.audit.file, log: deps.log, metrics });
  const migration = createMigration({ now: Date.now });
  const settings = await openSwitches(config, deps, metrics);
  const openDoors = createDoors(config, { ...deps, metrics, settings, migration });
  const doors = new Map(config.registries.map((registry) => [registry, openDoors(registry)]));
  const hosts = createHostTable(config.registries);
  let draining = false;

  async function handle(...request: Parameters<typeof createDoorRequest>): Promise<void> {
    const call = createDoorRequest(...request);
    const match = call.context.host === undefined ? undefined : hosts.find(call.context.host);
    if (match === undefined) {
      call.context.refuse('host', 'unknown_host');
      throw statusError(421);
    }
    await enter(call, match);
  }

  async function enter(call: DoorRequest, match: HostMatch): Promise<void> {
    const { access } = call.context;
    access.door = match.door;
    access.registry = match.registry.name;
    const { networkRules, loginServer, dataEndpoint } = doors.get(match.registry) as Doors;
    admitNetwork(call.context, networkRules);
    try {
      if (match.door === 'login_server') await loginServer(call);
      else await dataEndpoint(call, match.host, match.region);
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      access.outcome ??= 'upstream_failed';
      auditFailure(call.context, error);
      throw failureToOciError(error);
    }
  }

  const listeners: Listener[] = [];
  for (const listener of config.listeners) {
    listeners.push(await createListener(listener, { ...config, log: deps.log, metrics, audit, handle }));
  }
  checkCoverage(config, listeners);
  let health: HealthListener | undefined;
  const control =
    config.admin === null
      ? undefined
      : createControl(config.admin.socket, {
          registries: () => config.registries,
          settings,
          migration,
          log: deps.log,
          now: Date.now,
        });

  return {
    async start() {
      // First, as it is what tells that another Berth works with the same state.
      await control?.listen();
      const bound: BoundAddress[] = [];
      for (const listener of listeners) bound.push(await listener.listen());
      if (config.metrics !== null) {
        health = createHealthListener(config.metrics, { metrics, checks: { draining: () => !draining } });
      }
      return { listeners: bound, metrics: health === undefined ? null : await health.listen() };
    },
    async stop() {
      draining = true;
      metrics.draining.set({}, 1);
      await control?.close();
      const within = config.timeouts.drainSeconds * 1000;
      await Promise.all(listeners.map((listener) => listener.drain(within)));
      await health?.close();
      await Promise.all([...doors.values()].map(({ upstream }) => upstream.close()));
      await audit.close();
    },
    reopenAuditLog: audit.reopen,
  };
}

/** What an upstream was refused is an event of each request that it was refused for. */
function auditFailure(context: RequestContext, { kind, where, refusal }: UpstreamFailure): void {
  if (kind === 'redirect_refused') context.refuse('redirect_location', refusal);
  if (kind === 'address_refused') context.refuse('address', where);
  if (kind === 'proxy_configuration_error' && refusal !== undefined) context.refuse('realm', refusal);
}

/** What `berth update` has said and will say, and whom the rollout of each registry has reached. */
async function openSwitches(config: Config, deps: AppDeps, metrics: Metrics): Promise<Settings> {
  const inRollout = createRollouts();
  return openSettings({
    directory: config.stateDirectory,
    registries: config.registries,
    inRollout: ({ rollout }, address) => inRollout(rollout, address),
    log: deps.log,
    onState: (registry, enabled) => metrics.dataEndpointEnabled.set({ registry }, enabled ? 1 : 0),
    now: Date.now,
  });
}

type DoorDeps = AppDeps & {
  readonly metrics: Metrics;
  readonly settings: Settings;
  readonly migration: Migration;
};

/** What all registries share, and then what each has for itself. */
function createDoors(config: Config, deps: DoorDeps): (registry: RegistryConfig) => Doors {
  const { metrics, settings, migration } = deps;
  const pool = createBufferPool(config.limits.bufferBytes);
  metrics.bufferPoolBytes.collect(() => [
    [{ state: 'in_use' }, pool.bytes.lent],
    [{ state: 'free' }, pool.bytes.free],
  ]);
  const manifests = createManifestStore(config.cache.memoryMaxBytes);
  metrics.manifestCacheSizeBytes.collect(() => [[{}, manifests.sizeBytes]]);
  const responder = createBlobResponder({ pool, metrics, lengths: createBlobLengths() });
  const blobDecisions = createDecisions<BlobLocation>({ metrics });
  const manifestDecisions = createDecisions<ManifestAnswer>({ metrics });
  const shared = {
    ...config.limits,
    pool,
    metrics,
    settings,
    migration,
    manifests,
    responder,
    blobDecisions,
    manifestDecisions,
  };
  const ticketKeys = () => deps.ticketKeys;
  const ticketLifetimeSeconds = config.ticket.lifetimeSeconds;
  const now = Date.now;

  return (registry) => {
    const upstream = createUpstreamRegistry(registry, {
      limits: config.limits,
      timeouts: config.timeouts,
      metrics,
      lookup: deps.lookup,
      openStorageSocket: createSlabSocket(pool),
    });
    const clients =
      registry.clients === null ? undefined : createClientPolicy(registry.clients, { log: deps.log });
    const repositoryRules = createRepositoryRules(registry.rules.repositories);
    const own = {
      ...shared,
      repositoryRules,
      registry,
      upstream,
      clients,
      ticketKeys,
      ticketLifetimeSeconds,
      now,
    };
    const onTicket = (address: string) => migration.record(registry.name, clientNetwork(address), 'arrived');
    return {
      upstream,
      networkRules: createNetworkRules(registry),
      loginServer: createLoginServer(own),
      dataEndpoint: createDataEndpoint({ ...own, onTicket }),
    };
  };
}

/** A name that no certificate covers is found here, not by the first client. */
function checkCoverage(config: Config, listeners: readonly Listener[]): void {
  const leaves = listeners.flatMap(({ certificates }) => [...certificates]);
  if (leaves.length === 0) return;
  const hosts = createHostTable(config.registries).secureHosts;
  const missing = uncoveredHosts(leaves, hosts);
  if (missing.length === 0) return;
  throw new Error(
    `no certificate covers ${missing.join(', ')}; add one to listeners[].tls.certificates, or take the name out of the configuration`,
  );
}
