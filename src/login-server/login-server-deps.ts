import type { BeginTransfer } from '../blob/begin-transfer.ts';
import type { BlobSourceDeps } from '../blob/create-blob-source.ts';
import type { BlobResponder } from '../blob/respond-blob.ts';
import type { ManifestStore } from '../cache/manifest-store.ts';
import type { RegistryConfig } from '../config/config.ts';
import type { Migration } from '../endpoints/migration.ts';
import type { Settings } from '../endpoints/settings.ts';
import type { RequestContext } from '../listener/request-context.ts';
import type { Digest } from '../oci/digest.ts';
import type { ClientPolicy } from '../policy/client-policy.ts';
import type { ClientRegions } from '../policy/client-regions.ts';
import type { RepositoryRules } from '../policy/repository-rules.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';
import type { Collapse } from '../upstream/collapse.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { BlobLocation, UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { Decisions } from './decisions.ts';
import type { FetchedManifest } from './fetch-manifest.ts';
import type { ManifestAnswer } from './manifest-answer.ts';
import type { PreparedManifests } from './prepared-manifests.ts';

/** What the login server of one registry works with. */
export type LoginServerDeps = BlobSourceDeps & {
  readonly registry: RegistryConfig;
  readonly clientRegions: ClientRegions;
  readonly upstream: UpstreamRegistry;
  readonly settings: Pick<Settings, 'deliveryFor'>;
  readonly migration: Pick<Migration, 'record'>;
  readonly blobDecisions: Decisions<BlobLocation>;
  /** Whether the blob cache has it whole. */
  readonly isBlobKept: (digest: Digest) => Promise<boolean>;
  /** Questions for fresh links that are under way, of this registry alone. */
  readonly renewals: Collapse<BlobLocation>;
  readonly manifestDecisions: Decisions<ManifestAnswer>;
  readonly manifests: ManifestStore;
  readonly preparedManifests: PreparedManifests;
  /** Of this registry alone. */
  readonly manifestFetches: Collapse<FetchedManifest>;
  readonly responder: BlobResponder;
  readonly beginTransfer: BeginTransfer;
  /** What an upstream is refused amid a body is an event of the request (U1). */
  readonly auditFailure: (context: RequestContext, failure: UpstreamFailure) => void;
  readonly repositoryRules: RepositoryRules;
  /** Undefined: the upstream decides with the caller's own credentials. */
  readonly clients: ClientPolicy | undefined;
  readonly ticketKeys: () => TicketKeys;
  readonly ticketLifetimeSeconds: number;
  readonly manifestBytes: number;
  readonly tokenBytes: number;
  /** Unix milliseconds. */
  readonly now: () => number;
};
