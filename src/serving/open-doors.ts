import { createHash } from 'node:crypto';
import type { lookup as dnsLookup } from 'node:dns';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { createBeginTransfer } from '../blob/begin-transfer.ts';
import { createBlobLengths } from '../blob/blob-lengths.ts';
import type { BlobPlaces } from '../blob/blob-opener.ts';
import type { BlobSource } from '../blob/blob-source.ts';
import { createBlobResponder } from '../blob/respond-blob.ts';
import type { ResumeLimits } from '../blob/resume.ts';
import { openSource, type SourceFacts } from '../blob/source-facts.ts';
import { createManifestStore } from '../cache/manifest-store.ts';
import type { Config, RegistryConfig, UpstreamAuth } from '../config/config.ts';
import { createDataEndpoint } from '../data-endpoint/data-endpoint.ts';
import type { Migration } from '../endpoints/migration.ts';
import type { Settings } from '../endpoints/settings.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { createDecisions } from '../login-server/decisions.ts';
import type { FetchedManifest } from '../login-server/fetch-manifest.ts';
import { createLoginServer } from '../login-server/login-server.ts';
import type { ManifestAnswer } from '../login-server/manifest-answer.ts';
import type { SharedScope } from '../login-server/shared-decisions.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunningWork } from '../metrics/running-work.ts';
import type { Digest } from '../oci/digest.ts';
import type { ClientLimits } from '../policy/client-limits.ts';
import { clientNetwork } from '../policy/client-network.ts';
import { type ClientPolicy, createClientPolicy } from '../policy/client-policy.ts';
import { createClientRegions } from '../policy/client-regions.ts';
import { createNetworkRules, type NetworkRules } from '../policy/network-rules.ts';
import { createRepositoryRules } from '../policy/repository-rules.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';
import type { Tracing } from '../trace/tracing.ts';
import { readAuthorities } from '../upstream/authorities.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { createCollapse } from '../upstream/collapse.ts';
import { checkCredentialsFile } from '../upstream/credentials-file.ts';
import type { RegionalUpstreamDeps } from '../upstream/regional/regional-upstream.ts';
import type { BlobLocation, UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { auditFailure } from './audit-failure.ts';
import { createLease, type Lease } from './lease.ts';
import { type OpenedUpstream, openUpstream } from './open-upstream.ts';
import type { ReloadOutcome, ReloadRecord } from './reload-record.ts';
import { scopeDecisions } from './scope-decisions.ts';
import { shareDecisions } from './share-decisions.ts';
import { traceDecisions, tracePlaces } from './trace-places.ts';
import { createUpstreamQueues } from './upstream-queues.ts';

/** What answers for one registry. */
export type Doors = {
  readonly networkRules: NetworkRules;
  readonly loginServer: (call: DoorRequest) => Promise<void>;
  readonly dataEndpoint: (call: DoorRequest, host: string, region: string) => Promise<void>;
  readonly upstream: Lease<UpstreamRegistry>;
  /** A source as another process describes it. @throws UpstreamFailure as `createBlobSource` */
  readonly openSource: (facts: SourceFacts) => BlobSource;
  /** They are in force: what holds for all questions to the upstream, also those under way, is as they say. */
  readonly takeLimits: () => void;
  /** What these doors were made of, and the next ones may be made of again. */
  readonly parts: Parts;
};

type Parts = {
  readonly registry: RegistryConfig;
  readonly queue: Pick<OpenedUpstream, 'configure'>;
  /** Everything that the connections depend on. */
  readonly connectedBy: unknown;
  /** PEM; undefined: the well-known ones. */
  readonly authorities: string | undefined;
  readonly clients: ClientPolicy | undefined;
  /** Everything that a kept decision depends on, and the name under which those are kept. */
  readonly decidedBy: unknown;
  readonly decisionScope: string;
};

export type DoorDeps = {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly settings: Settings;
  readonly migration: Pick<Migration, 'record'>;
  readonly clientLimits: ClientLimits;
  readonly ticketKeys: () => TicketKeys;
  readonly record: ReloadRecord;
  readonly lookup: typeof dnsLookup | undefined;
  readonly tracing: Tracing;
  readonly work: RunningWork;
  readonly pool: BufferPool;
  /** Where blobs may be had without a stream of their own. */
  readonly places: BlobPlaces;
  /** See `ResumeDeps.limits`. */
  readonly resumeLimits?: Partial<ResumeLimits> | undefined;
  /** What replicas share. */
  readonly state: SharedState;
  readonly seal: StateSeal;
  /** For tests that have no patience. */
  readonly regionTimings?: RegionalUpstreamDeps['timings'];
};

/** @param before the registry's doors in force, whose connections and decisions are taken over where they still fit */
export type OpenDoors = (
  registry: RegistryConfig,
  config: Config,
  before: Doors | undefined,
  events: DoorEvents,
) => Doors;

export type DoorEvents = {
  readonly onClosed: (upstream: Lease<UpstreamRegistry>) => void;
  /** What becomes of `upstream.caFile` once these doors are in force. Told before that, since another registry's may fail. */
  readonly onAuthorities: (outcome: ReloadOutcome) => void;
};

/**
 * What all registries share for the life of the process, and then what each has for itself.
 *
 * The function returned throws AuthoritiesError, CredentialsFileError or HtpasswdFileError.
 */
export function createOpenDoors(config: Config, deps: DoorDeps): OpenDoors {
  const { metrics, migration, record } = deps;
  const { pool, tracing } = deps;
  const places = tracePlaces(deps.places, tracing);
  const manifests = createManifestStore(config.cache.memoryMaxBytes);
  metrics.manifestCacheSizeBytes.collect(() => [[{}, manifests.sizeBytes]]);
  const beginTransfer = createBeginTransfer((address) => deps.clientLimits.beginTransfer(address), metrics);
  const responder = createBlobResponder({
    pool,
    metrics,
    lengths: createBlobLengths(),
    places,
    beginTransfer,
    beginWork: ({ clientAddress, ...blob }) =>
      deps.work.begin({ kind: 'transfer', ...blob, client: clientNetwork(clientAddress), length: undefined }),
    resumeLimits: deps.resumeLimits,
  });
  const { state, seal } = deps;
  const shared = state.kind === 'process' ? undefined : shareDecisions({ state, seal, now: Date.now });
  const blobDecisions = createDecisions<BlobLocation>({ metrics, shared: shared?.blobs });
  const manifestDecisions = createDecisions<ManifestAnswer>({ metrics, shared: shared?.manifests });
  const queues = createUpstreamQueues(metrics, shared && { state, seal });
  let scopes = 0;

  /** A file that can not be used any more leaves what it said in force, as long as it is the same file. */
  function takeAuthorities(
    caFile: string | null,
    before: Parts | undefined,
    onAuthorities: DoorEvents['onAuthorities'],
  ): string | undefined {
    const isSameFile = before?.registry.upstream.caFile === caFile;
    let authorities: string | undefined;
    try {
      authorities = caFile === null ? undefined : readAuthorities(caFile);
    } catch (error) {
      if (!isSameFile) throw error;
      onAuthorities({ result: 'rejected', reason: messageOf(error) });
      return before.authorities;
    }
    onAuthorities({ result: authorities === before?.authorities ? 'unchanged' : 'applied' });
    return authorities;
  }

  /** Later the file is read for each token: one that is gone for a while is no reason to keep a change back. */
  function checkCredentials(registry: RegistryConfig, before: Parts | undefined): void {
    const known = before === undefined ? [] : credentialsOf(before.registry);
    for (const auth of credentialsOf(registry)) {
      if (auth.kind === 'file' && !known.some((one) => isDeepStrictEqual(one, auth))) {
        checkCredentialsFile(auth.file);
      }
    }
  }

  function openClients(registry: RegistryConfig, before: Parts | undefined): ClientPolicy | undefined {
    if (registry.clients === null) return undefined;
    // Of the same policy the passwords that were verified, and the failures, are remembered.
    if (isDeepStrictEqual(before?.registry.clients, registry.clients)) {
      void before?.clients?.refresh();
      return before?.clients;
    }
    return createClientPolicy(registry.clients, {
      log: deps.log,
      onChange: (reason) =>
        record.note(
          'passwords',
          reason === undefined ? { result: 'applied' } : { result: 'rejected', reason },
          registry.name,
        ),
    });
  }

  return (registry, next, before, { onClosed, onAuthorities }) => {
    const { limits, timeouts } = next;
    checkCredentials(registry, before?.parts);
    const authorities = takeAuthorities(registry.upstream.caFile, before?.parts, onAuthorities);
    const connectedBy = {
      // The queue takes other limits without new connections.
      upstream: { ...registry.upstream, limits: undefined },
      redirectHosts: registry.redirectHosts,
      authorities,
      limits: [limits.upstreamConnections, limits.tokenBytes],
      timeouts,
      regions: registry.regions,
      homeRegion: registry.homeRegion,
      replicationSeconds: registry.replicationSeconds,
    };
    const clients = openClients(registry, before?.parts);
    const kept = before && isDeepStrictEqual(before.parts.connectedBy, connectedBy) ? before : undefined;
    const { upstream, queue } = kept ? { upstream: kept.upstream, queue: kept.parts.queue } : open();
    const { authorizationTtlSeconds, publicProbe, push } = registry;
    const decidedBy = { connectedBy, clients: registry.clients, authorizationTtlSeconds, publicProbe, push };
    const decisionScope =
      before && isDeepStrictEqual(before.parts.decidedBy, decidedBy)
        ? before.parts.decisionScope
        : `${registry.name} ${(scopes += 1)}`;

    const sharedScope: SharedScope = {
      registry: `${registry.name} ${registry.upstream.url}`,
      rules: createHash('sha256').update(JSON.stringify(decidedBy)).digest('base64url'),
    };

    function open(): { upstream: Lease<UpstreamRegistry>; queue: Parts['queue'] } {
      const opened = openUpstream(registry, next, authorities, { ...deps, queues });
      const lease: Lease<UpstreamRegistry> = createLease(opened.upstream, () => {
        opened.release();
        onClosed(lease);
      });
      return { upstream: lease, queue: opened };
    }

    const own = {
      ...limits,
      startTimeoutMs: (timeouts.connectSeconds + timeouts.headersSeconds) * 1000,
      leastRate: {
        bytesPerSecond: limits.upstreamMinBytesPerSecond,
        windowMs: timeouts.idleSeconds * 1000,
      },
      pool,
      metrics,
      tracing,
      settings: deps.settings,
      migration,
      manifests,
      manifestFetches: createCollapse<FetchedManifest>(),
      isBlobKept: async (digest: Digest) => (await places.stored?.length(digest)) !== undefined,
      renewals: createCollapse<BlobLocation>(),
      responder,
      beginTransfer,
      blobDecisions: traceDecisions(scopeDecisions(blobDecisions, decisionScope, sharedScope), tracing),
      manifestDecisions: traceDecisions(
        scopeDecisions(manifestDecisions, decisionScope, sharedScope),
        tracing,
      ),
      repositoryRules: createRepositoryRules(registry.rules.repositories),
      clientRegions: createClientRegions(registry.regions),
      registry,
      upstream: upstream.value,
      clients,
      auditFailure,
      ticketKeys: deps.ticketKeys,
      ticketLifetimeSeconds: next.ticket.lifetimeSeconds,
      now: Date.now,
    };
    const onLinkRefused = (repository: string) => own.blobDecisions.forget(registry.name, repository);
    const onTicket = (address: string) => migration.record(registry.name, clientNetwork(address), 'arrived');
    return {
      upstream,
      networkRules: createNetworkRules(registry),
      loginServer: createLoginServer(own),
      dataEndpoint: createDataEndpoint({ ...own, onTicket, onLinkRefused }),
      openSource: (facts) => openSource(facts, own),
      takeLimits: () => queue.configure(registry.upstream.limits),
      parts: { registry, queue, connectedBy, authorities, clients, decidedBy, decisionScope },
    };
  };
}

function credentialsOf({ upstream, regions }: RegistryConfig): readonly UpstreamAuth[] {
  const all = [upstream.auth, ...regions.map((region) => region.upstream?.auth ?? null)];
  return all.filter((auth) => auth !== null);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
