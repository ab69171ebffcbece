import { createHash } from 'node:crypto';
import type { lookup as dnsLookup } from 'node:dns';
import type { Logger } from 'pino';
import { createBeginTransfer } from '../blob/begin-transfer.ts';
import { createBlobLengths } from '../blob/blob-lengths.ts';
import type { BlobPlaces } from '../blob/blob-opener.ts';
import type { BlobSource } from '../blob/blob-source.ts';
import { createBlobResponder } from '../blob/respond-blob.ts';
import type { ResumeLimits } from '../blob/resume.ts';
import { openSource, type SourceFacts } from '../blob/source-facts.ts';
import { createManifestStore } from '../cache/manifest-store.ts';
import type { Config } from '../config/config.ts';
import { createDataEndpoint } from '../data-endpoint/data-endpoint.ts';
import type { Migration } from '../endpoints/migration.ts';
import type { Settings } from '../endpoints/settings.ts';
import type { DoorRequest, RawRequest } from '../listener/door-request.ts';
import { createAnswerKept } from '../login-server/answer-kept.ts';
import { createDecisions } from '../login-server/decisions.ts';
import type { FetchedManifest } from '../login-server/fetch-manifest.ts';
import { createLoginServer } from '../login-server/login-server.ts';
import type { ManifestAnswer } from '../login-server/manifest-answer.ts';
import { createPreparedManifests } from '../login-server/prepared-manifests.ts';
import type { SharedScope } from '../login-server/shared-decisions.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RunningWork } from '../metrics/running-work.ts';
import type { Digest } from '../oci/digest.ts';
import type { ClientLimits } from '../policy/client-limits.ts';
import { clientNetwork } from '../policy/client-network.ts';
import { createClientRegions } from '../policy/client-regions.ts';
import { createRepositoryRules } from '../policy/repository-rules.ts';
import type { SharedState } from '../state/shared-state.ts';
import type { StateSeal } from '../ticket/state-seal.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';
import type { Tracing } from '../trace/tracing.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import { createCollapse } from '../upstream/collapse.ts';
import type { RegionalUpstreamDeps } from '../upstream/regional/regional-upstream.ts';
import type { BlobLocation, UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { auditFailure } from './audit-failure.ts';
import { type DoorParts, decidedBy } from './door-parts.ts';
import type { Lease } from './lease.ts';
import type { ReloadRecord } from './reload-record.ts';
import { scopeDecisions } from './scope-decisions.ts';
import { shareDecisions } from './share-decisions.ts';
import { traceDecisions, tracePlaces } from './trace-places.ts';

/** What answers for one registry. */
export type Doors = {
  readonly loginServer: (call: DoorRequest) => Promise<void>;
  /** What needs nobody, before it goes any further; see `createAnswerKept`. */
  readonly answerKept: (asked: RawRequest) => boolean;
  readonly dataEndpoint: (call: DoorRequest, host: string, region: string) => Promise<void>;
  readonly upstream: Lease<UpstreamRegistry>;
  /** A source as another process describes it. @throws UpstreamFailure as `createBlobSource` */
  readonly openSource: (facts: SourceFacts) => BlobSource;
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

/** Of parts in which nothing is wrong. */
export type OpenDoors = (parts: DoorParts) => Doors;

/** What all registries share for the life of the process, and then what each has for itself. */
export function createOpenDoors(config: Config, deps: DoorDeps): OpenDoors {
  const { metrics, migration } = deps;
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
  const prepareManifests = createPreparedManifests();

  return (parts) => {
    const { registry, settings, clients, decisionScope, upstream } = parts;
    const { limits, timeouts } = settings;
    const sharedScope: SharedScope = {
      registry: `${registry.name} ${registry.upstream.url}`,
      rules: createHash('sha256')
        .update(JSON.stringify(decidedBy(parts)))
        .digest('base64url'),
    };

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
      preparedManifests: prepareManifests(),
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
      ticketLifetimeSeconds: settings.ticketLifetimeSeconds,
      now: Date.now,
    };
    const onLinkRefused = (repository: string) => own.blobDecisions.forget(registry.name, repository);
    const onTicket = (address: string) => migration.record(registry.name, clientNetwork(address), 'arrived');
    return {
      upstream,
      loginServer: createLoginServer(own),
      answerKept: createAnswerKept(own),
      dataEndpoint: createDataEndpoint({ ...own, onTicket, onLinkRefused }),
      openSource: (facts) => openSource(facts, own),
    };
  };
}
