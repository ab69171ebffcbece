import type {
  CacheConfig,
  Delivery,
  Limits,
  ListenerConfig,
  LogLevel,
  NetworkRules,
  ReadinessConfig,
  StateConfig,
  Timeouts,
  UpstreamLimits,
} from './config.ts';
import type { PresetName } from './presets.ts';

/**
 * The file's own form after `schema.ts` has been applied: defaults filled in, sizes in bytes, values of the wrong kind
 * taken out. So every field that has no default, and every entry of a list, may be undefined; the checks say what they
 * can about the rest, and all problems come at once.
 */
export type FileConfig = {
  readonly workers: number | 'auto';
  readonly listeners?: FileList<FileListener>;
  readonly metrics: { readonly address: string; readonly port: number } | null;
  readonly readiness: ReadinessConfig;
  readonly console: {
    readonly address: string;
    readonly port: number;
    readonly hosts: FileList<string>;
  } | null;
  readonly stateDirectory: string | null;
  readonly admin: { readonly socket?: string } | null;
  readonly ticket: { readonly keyFile: string; readonly lifetimeSeconds: number };
  readonly cache: Omit<CacheConfig, 'store'> & { readonly store: FileObjectStore | null };
  readonly state: string | FileState | null;
  readonly limits: FileLimits;
  readonly timeouts: Timeouts;
  readonly log: { readonly level: LogLevel };
  readonly audit: { readonly file: string | null };
  readonly registries?: FileList<FileRegistry>;
};

export type FileObjectStore = {
  readonly kind?: 'azure-blob' | 's3';
  readonly url: string | null;
  readonly bucket: string | null;
  readonly region: string | null;
  readonly prefix: string;
  readonly credentialsFile: string | null;
  readonly caFile: string | null;
  readonly timeoutSeconds: number;
};

export type FileState = Omit<StateConfig, 'url'> & { readonly url?: string };

/** `transfersPerClient` depends on another field where it is left out. */
export type FileLimits = Omit<Limits, 'transfersPerClient'> & {
  readonly transfersPerClient?: number | null;
};

export type FileList<T> = readonly (T | undefined)[];

export type FileListener = {
  readonly address: string;
  readonly port?: number;
  readonly network: ListenerConfig['network'];
  readonly clientAddress: ListenerConfig['clientAddress'];
  readonly trustedProxies: FileList<string>;
  readonly tls: {
    readonly certificates?: FileList<{ readonly cert?: string; readonly key?: string }>;
    readonly clientCaFile: string | null;
  } | null;
};

export type FileRegistry = {
  readonly name?: string;
  readonly loginServer?: string;
  readonly aliases: FileList<string>;
  readonly scheme: 'https' | 'http';
  readonly preset?: PresetName;
  readonly upstream?: FileUpstream;
  readonly namespaces: FileList<string>;
  /** Undefined where the file does not say; see `deliveryOf`. */
  readonly delivery?: Delivery;
  readonly dataEndpointEnabled?: boolean;
  readonly rollout: { readonly clients: FileList<string>; readonly percent: number };
  readonly push: boolean;
  readonly dataEndpoint: string | null;
  readonly redirectHosts: FileList<FileRedirectHost>;
  readonly regions: FileList<FileRegion>;
  readonly homeRegion: string | null;
  readonly serveRegions: string | FileList<string>;
  readonly replicationSeconds: number;
  readonly authorizationTtlSeconds: number;
  readonly staleIfErrorSeconds: number;
  readonly publicProbe: boolean;
  readonly publicNetworkAccess: boolean;
  readonly networkRules: {
    readonly defaultAction: NetworkRules['defaultAction'];
    readonly ipRules: FileList<FileIpRule>;
  };
  readonly rules: { readonly repositories: FileList<FileRepositoryRule> };
  readonly clients: FileClients | null;
};

export type FileRegion = {
  readonly name?: string;
  readonly match: FileList<string>;
  readonly upstream: { readonly url?: string; readonly auth: FileAuth | null } | null;
  readonly clients: FileList<string>;
};

export type FileIpRule = { readonly action: 'allow' | 'deny'; readonly value?: string };

export type FileRepositoryRule = { readonly action?: 'allow' | 'deny'; readonly pattern?: string };

export type FileRedirectHost = string | { readonly host?: string; readonly pathPattern: string | null };

export type FileUpstream = {
  readonly url?: string;
  readonly tokenHosts: FileList<string>;
  readonly caFile: string | null;
  readonly proxy: string | null;
  readonly auth: FileAuth | null;
  readonly allowedPrivateAddresses: FileList<string>;
  readonly limits: UpstreamLimits;
};

export type FileAuth = {
  readonly file?: string;
  readonly exec?: { readonly command?: FileList<string>; readonly timeoutSeconds: number };
  readonly azureWorkloadIdentity?: {
    readonly clientId: string | null;
    readonly tenantId: string | null;
    readonly tokenFile: string | null;
    readonly authority: string | null;
  };
  readonly azureManagedIdentity?: { readonly clientId: string | null };
  readonly awsEcr?: { readonly region?: string; readonly registryId: string | null };
};

export type FileClients = {
  readonly anonymous: boolean;
  readonly htpasswd: { readonly file?: string } | null;
  readonly mtls: boolean;
  readonly networks: FileList<string>;
};

/** `delivery`, or what `dataEndpointEnabled` says instead, or the default. */
export function deliveryOf(registry: FileRegistry): Delivery {
  if (registry.delivery !== undefined) return registry.delivery;
  return registry.dataEndpointEnabled === false ? 'passthrough' : 'dedicated';
}
