/**
 * The configuration after loading: every default filled in, every length in bytes and every time in the unit
 * that its name carries. The file's own form, with its meanings, is `schema.ts`; `load.ts` turns one into the other.
 */
export type Config = {
  /** Processes that serve clients; 1: one process does all; `auto`: as many as there are cores. */
  readonly workers: number | 'auto';
  /** Where `berth update` keeps what it changed; null: nothing can be changed while Berth runs. */
  readonly stateDirectory: string | null;
  readonly listeners: readonly ListenerConfig[];
  /** Null: no metrics listener. */
  readonly metrics: { readonly address: string; readonly port: number } | null;
  readonly readiness: ReadinessConfig;
  /** Null: no console. */
  readonly console: ConsoleConfig | null;
  /** Null: no control socket. */
  readonly admin: { readonly socket: string } | null;
  readonly ticket: TicketConfig;
  readonly cache: CacheConfig;
  /** What replicas share; null: this instance is alone, or works as if it were. */
  readonly state: StateConfig | null;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly log: { readonly level: LogLevel };
  /** Null: refusals are lines of the log. */
  readonly audit: { readonly file: string | null };
  readonly registries: readonly RegistryConfig[];
};

/** What `/readyz` means by ready. */
export type ReadinessConfig = {
  /** Without progress, of what waits for nobody outside. */
  readonly stuckSeconds: number;
};

/** The read-only web page. */
export type ConsoleConfig = {
  readonly address: string;
  /** 0 lets the system choose (tests). */
  readonly port: number;
  /** Names, lower case and without port, under which it may be asked for; addresses and localhost always may. */
  readonly hosts: readonly string[];
};

export type CacheConfig = {
  /** Bytes of manifests in memory. */
  readonly memoryMaxBytes: number;
  /** Null: no blob is kept. */
  readonly directory: string | null;
  /** Bytes of blobs on disk. */
  readonly maxBytes: number;
  /** Bytes left free on the disk. */
  readonly minFreeBytes: number;
  /** Bytes of one piece of a fill. */
  readonly pieceBytes: number;
  /** Blobs that replicas share, behind the directory of each; null: none. Never without a directory. */
  readonly store: ObjectStoreConfig | null;
};

export type ObjectStoreConfig = {
  /** What every object's name begins with. */
  readonly prefix: string;
  readonly caFile: string | null;
  /** Longest wait for an answer's header section, and for each part of an upload. */
  readonly timeoutSeconds: number;
  /** Null: the identity of the machine or workload. */
  readonly credentialsFile: string | null;
} & (
  | { readonly kind: 'azure-blob' /** Of the container, without a query. */; readonly url: string }
  | {
      readonly kind: 's3';
      /** Origin; null: AWS's own. */
      readonly url: string | null;
      readonly bucket: string;
      readonly region: string;
    }
);

export type StateConfig = {
  /** `redis://` or `rediss://` with host, port, user and database; never with a password. */
  readonly url: string;
  /** Null: no password. */
  readonly passwordFile: string | null;
  readonly caFile: string | null;
  readonly keyPrefix: string;
  /** Longest wait for an answer. */
  readonly timeoutMilliseconds: number;
};

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type ListenerConfig = {
  readonly address: string;
  /** 0 lets the system choose (tests). */
  readonly port: number;
  /** Who reaches it, for `publicNetworkAccess`. */
  readonly network: 'public' | 'private';
  /** Whose word is taken for the client's address: never guessed. */
  readonly clientAddress: 'socket' | 'xForwardedFor' | 'forwarded' | 'proxyProtocol';
  /** CIDRs whose word is taken, for all but `socket`. */
  readonly trustedProxies: readonly string[];
  /** Null: plain HTTP. */
  readonly tls: TlsConfig | null;
};

export type TlsConfig = {
  /** Paths of PEM files; chosen by SNI. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  /** PEM file of the authorities whose client certificates are accepted (`clients.mtls`); null: none is asked for. */
  readonly clientCaFile: string | null;
};

export type TicketConfig = {
  /** Null only in the flag form of `serve`: one process-local key. */
  readonly keyFile: string | null;
  readonly lifetimeSeconds: number;
};

export type Limits = {
  /** Open client connections per listener. */
  readonly connections: number;
  /** Bytes of one request's header section. */
  readonly headerBytes: number;
  /** Bytes of one manifest, either way. */
  readonly manifestBytes: number;
  /** Bytes of one token answer or token request. */
  readonly tokenBytes: number;
  /** Bytes of pooled transfer buffers, all transfers together. */
  readonly bufferBytes: number;
  /** Connections to one upstream host. */
  readonly upstreamConnections: number;
  /** Bytes a second that a blob's source has to bring over `timeouts.idleSeconds`; 0: whatever comes is enough. */
  readonly upstreamMinBytesPerSecond: number;
  /** Open connections of one client address; null: no limit. */
  readonly connectionsPerClient: number | null;
  /** Requests of one client address; null: no limit. */
  readonly requestsPerClient: { readonly perSecond: number; readonly burst: number } | null;
  /** Blob transfers to one client address at a time; null: no limit. */
  readonly transfersPerClient: number | null;
};

export type Timeouts = {
  /** To open a connection (TCP and TLS) to an upstream. */
  readonly connectSeconds: number;
  /** Until an upstream's header section is in. */
  readonly headersSeconds: number;
  /** Until an upstream answers a request with a body. */
  readonly commitSeconds: number;
  /** Longest silence in a body, either way. */
  readonly idleSeconds: number;
  /** For a client to send its header section. */
  readonly requestHeadersSeconds: number;
  /** For transfers under way after SIGTERM. */
  readonly drainSeconds: number;
};

export type Delivery = 'dedicated' | 'inline' | 'passthrough';

export type RegistryConfig = {
  readonly name: string;
  /** Host[:port], lower case, the scheme's own port left out. */
  readonly loginServer: string;
  readonly aliases: readonly string[];
  /** Scheme of the links given out. */
  readonly scheme: 'https' | 'http';
  readonly upstream: UpstreamConfig;
  /** Source hosts whose `?ns=` this registry answers. */
  readonly namespaces: readonly string[];
  readonly delivery: Delivery;
  readonly rollout: Rollout;
  readonly push: boolean;
  /** Pattern with `{registry}` and `{region}`; never null where delivery is `dedicated`. `passthrough` may have one, to be switched on. */
  readonly dataEndpoint: string | null;
  readonly redirectHosts: readonly RedirectHost[];
  /** Never empty where delivery is `dedicated`. */
  readonly regions: readonly RegionConfig[];
  /** Name of the region whose upstream is `upstream`; null: the first. */
  readonly homeRegion: string | null;
  /** Whose data endpoints this instance answers. */
  readonly serveRegions: 'all' | readonly string[];
  /** Since a push through Berth, in which another region may not have it yet. */
  readonly replicationSeconds: number;
  readonly authorizationTtlSeconds: number;
  /** Since the upstream's last word; 0: a failure of the upstream is passed on. */
  readonly staleIfErrorSeconds: number;
  readonly publicProbe: boolean;
  /** False: public listeners do not answer for this registry. */
  readonly publicNetworkAccess: boolean;
  readonly networkRules: NetworkRules;
  readonly rules: { readonly repositories: readonly RepositoryRule[] };
  /** Berth's own policy for its clients; null: the upstream decides with the caller's credentials. */
  readonly clients: ClientsConfig | null;
};

export type RegionConfig = {
  readonly name: string;
  /** Host patterns of its storage. */
  readonly match: readonly string[];
  /** Null: of this region there is only storage, or it is the home region, whose upstream is the registry's own. */
  readonly upstream: {
    /** Origin, without a trailing slash. */
    readonly url: string;
    /** Berth's own credentials there; null: as at home. */
    readonly auth: UpstreamAuth | null;
  } | null;
  /** CIDRs whose clients are served from here first. */
  readonly clients: readonly string[];
};

/** Which clients are sent to data endpoints while they are on; the others get `passthrough`. */
export type Rollout = {
  /** CIDRs that are always among them. */
  readonly clients: readonly string[];
  /** Share of all addresses, 0 to 100. */
  readonly percent: number;
};

/** Which client addresses may reach a registry: deny rules beat allow rules, and any rule beats the default. */
export type NetworkRules = {
  readonly defaultAction: 'allow' | 'deny';
  readonly ipRules: readonly {
    readonly action: 'allow' | 'deny';
    /** CIDR or address. */
    readonly value: string;
  }[];
};

/** Deny beats allow; where there is an allow rule, what none of them names is closed. */
export type RepositoryRule = {
  readonly action: 'allow' | 'deny';
  /** See `policy/name-glob.ts`. */
  readonly pattern: string;
};

export type UpstreamConfig = {
  /** Origin, without a trailing slash. */
  readonly url: string;
  readonly tokenHosts: readonly string[];
  readonly caFile: string | null;
  /** URL of an outbound HTTP proxy. */
  readonly proxy: string | null;
  /** Berth's own credentials. */
  readonly auth: UpstreamAuth | null;
  /** CIDRs beyond the public internet that upstream, token service and storage may resolve to. */
  readonly allowedPrivateAddresses: readonly string[];
  readonly limits: UpstreamLimits;
};

/** What one registry is asked for at most, and what becomes of further questions. */
export type UpstreamLimits = {
  /** Questions without an answer at a time. */
  readonly concurrency: number;
  /** In any minute; null: no limit. */
  readonly requestsPerMinute: number | null;
  /** Questions that wait for their turn. */
  readonly queueLength: number;
  /** Longest wait for a turn. */
  readonly queueSeconds: number;
};

export type UpstreamAuth =
  /** A file with `username:password` on its first line; read again when it changes. */
  | { readonly kind: 'file'; readonly file: string }
  /** A docker credential helper: `<command> get`, the registry's host on stdin, `{"Username","Secret"}` on stdout. */
  | { readonly kind: 'exec'; readonly command: readonly string[]; readonly timeoutSeconds: number }
  | IdentityAuth;

/** A cloud's identity, refreshed through its own SDK; null: as its environment says. */
export type IdentityAuth =
  | {
      readonly kind: 'azureWorkloadIdentity';
      readonly clientId: string | null;
      readonly tenantId: string | null;
      readonly tokenFile: string | null;
      /** Origin, without a trailing slash. */
      readonly authority: string | null;
    }
  | { readonly kind: 'azureManagedIdentity'; readonly clientId: string | null }
  | { readonly kind: 'awsEcr'; readonly region: string; readonly registryId: string | null };

export type RedirectHost = {
  /** Host[:port]; `*` stands for one or more characters other than a dot. */
  readonly host: string;
  /** Regular expression over the raw path, anchored at both ends; null: any. */
  readonly pathPattern: string | null;
};

export type ClientsConfig = {
  /** Everybody may pull. */
  readonly anonymous: boolean;
  /** Path of an htpasswd file (bcrypt only). */
  readonly htpasswdFile: string | null;
  /** A client certificate that the listener's `clientCaFile` signed is enough. */
  readonly mtls: boolean;
  /** CIDRs whose clients are let in without credentials. */
  readonly networks: readonly string[];
};
