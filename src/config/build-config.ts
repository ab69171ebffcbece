import { parseHost } from '../http/host.ts';
import type {
  ClientsConfig,
  Config,
  ListenerConfig,
  ObjectStoreConfig,
  RedirectHost,
  RegionConfig,
  RegistryConfig,
  StateConfig,
  UpstreamAuth,
  UpstreamConfig,
} from './config.ts';
import {
  deliveryOf,
  type FileClients,
  type FileConfig,
  type FileLimits,
  type FileList,
  type FileListener,
  type FileObjectStore,
  type FileRedirectHost,
  type FileRegion,
  type FileRegistry,
  type FileUpstream,
} from './file-config.ts';

import { STATE_DEFAULTS } from './schema-state.ts';

/** Makes a path of the configuration absolute. */
export type ResolvePath = (path: string) => string;

/**
 * The configuration out of a file in which no problem was found.
 * @throws TypeError where a required field is missing after all: a check that lacks, not something the reader did.
 */
export function buildConfig(file: FileConfig, resolvePath: ResolvePath): Config {
  return {
    listeners: all(file.listeners).map((listener) => buildListener(listener, resolvePath)),
    workers: file.workers,
    stateDirectory: file.stateDirectory === null ? null : resolvePath(file.stateDirectory),
    metrics: file.metrics,
    readiness: file.readiness,
    console:
      file.console === null
        ? null
        : { ...file.console, hosts: all(file.console.hosts).map((host) => host.toLowerCase()) },
    admin: file.admin === null ? null : { socket: resolvePath(present(file.admin.socket)) },
    ticket: { ...file.ticket, keyFile: resolvePath(file.ticket.keyFile) },
    cache: {
      ...file.cache,
      directory: file.cache.directory === null ? null : resolvePath(file.cache.directory),
      store: file.cache.store === null ? null : buildObjectStore(file.cache.store, resolvePath),
    },
    state: buildState(file.state, resolvePath),
    limits: { ...file.limits, transfersPerClient: transfersPerClient(file.limits) },
    timeouts: file.timeouts,
    log: file.log,
    audit: { file: file.audit.file === null ? null : resolvePath(file.audit.file) },
    registries: all(file.registries).map((registry) => buildRegistry(registry, resolvePath)),
  };
}

function buildObjectStore(file: FileObjectStore, resolvePath: ResolvePath): ObjectStoreConfig {
  const { prefix, timeoutSeconds, url, bucket, region } = file;
  const common = {
    prefix,
    timeoutSeconds,
    caFile: file.caFile === null ? null : resolvePath(file.caFile),
    credentialsFile: file.credentialsFile === null ? null : resolvePath(file.credentialsFile),
  };
  if (present(file.kind) === 'azure-blob')
    return { kind: 'azure-blob', url: present(url ?? undefined), ...common };
  return { kind: 's3', url, bucket: present(bucket ?? undefined), region: region ?? 'us-east-1', ...common };
}

function buildState(file: FileConfig['state'], resolvePath: ResolvePath): StateConfig | null {
  const given = typeof file === 'string' ? { ...STATE_DEFAULTS, url: file } : file;
  if (given === null) return null;
  const { passwordFile, caFile } = given;
  return {
    ...given,
    url: present(given.url),
    passwordFile: passwordFile === null ? null : resolvePath(passwordFile),
    caFile: caFile === null ? null : resolvePath(caFile),
  };
}

/** A client that uses all it may shall leave most connections to others. */
function transfersPerClient({ transfersPerClient: given, upstreamConnections }: FileLimits): number | null {
  return given === undefined ? Math.max(1, Math.floor(upstreamConnections / 4)) : given;
}

function buildListener(file: FileListener, resolvePath: ResolvePath): ListenerConfig {
  return {
    address: file.address,
    port: present(file.port),
    network: file.network,
    clientAddress: file.clientAddress,
    trustedProxies: all(file.trustedProxies),
    tls:
      file.tls === null
        ? null
        : {
            certificates: all(file.tls.certificates).map(({ cert, key }) => ({
              cert: resolvePath(present(cert)),
              key: resolvePath(present(key)),
            })),
            clientCaFile: file.tls.clientCaFile === null ? null : resolvePath(file.tls.clientCaFile),
          },
  };
}

function buildRegistry(file: FileRegistry, resolvePath: ResolvePath): RegistryConfig {
  const delivery = deliveryOf(file);
  return {
    name: present(file.name),
    loginServer: present(parseHost(present(file.loginServer), file.scheme)),
    aliases: all(file.aliases).map((alias) => present(parseHost(alias, file.scheme))),
    scheme: file.scheme,
    upstream: buildUpstream(present(file.upstream), resolvePath),
    namespaces: all(file.namespaces).map((namespace) => present(parseHost(namespace, 'https'))),
    delivery,
    rollout: { clients: all(file.rollout.clients), percent: file.rollout.percent },
    push: file.push,
    dataEndpoint: delivery === 'inline' ? null : file.dataEndpoint,
    redirectHosts: all(file.redirectHosts).map(buildRedirectHost),
    regions: all(file.regions).map((region) => buildRegion(region, resolvePath)),
    homeRegion: file.homeRegion,
    serveRegions: typeof file.serveRegions === 'string' ? 'all' : all(file.serveRegions),
    replicationSeconds: file.replicationSeconds,
    authorizationTtlSeconds: file.authorizationTtlSeconds,
    staleIfErrorSeconds: file.staleIfErrorSeconds,
    publicProbe: file.publicProbe,
    publicNetworkAccess: file.publicNetworkAccess,
    networkRules: {
      defaultAction: file.networkRules.defaultAction,
      ipRules: all(file.networkRules.ipRules).map(({ action, value }) => ({ action, value: present(value) })),
    },
    rules: {
      repositories: all(file.rules.repositories).map(({ action, pattern }) => ({
        action: present(action),
        pattern: present(pattern),
      })),
    },
    clients: file.clients === null ? null : buildClients(file.clients, resolvePath),
  };
}

function buildRegion({ name, match, upstream, clients }: FileRegion, resolvePath: ResolvePath): RegionConfig {
  return {
    name: present(name),
    match: all(match).map(canonicalPattern),
    upstream:
      upstream === null
        ? null
        : { url: new URL(present(upstream.url)).origin, auth: buildAuth(upstream, resolvePath) },
    clients: all(clients),
  };
}

function buildRedirectHost(file: FileRedirectHost): RedirectHost {
  if (typeof file === 'string') return { host: canonicalPattern(file), pathPattern: null };
  return { host: canonicalPattern(present(file.host)), pathPattern: file.pathPattern };
}

function buildUpstream(file: FileUpstream, resolvePath: ResolvePath): UpstreamConfig {
  return {
    url: new URL(present(file.url)).origin,
    tokenHosts: all(file.tokenHosts).map((host) => present(parseHost(host, 'https'))),
    caFile: file.caFile === null ? null : resolvePath(file.caFile),
    proxy: file.proxy,
    auth: buildAuth(file, resolvePath),
    allowedPrivateAddresses: all(file.allowedPrivateAddresses),
    limits: file.limits,
  };
}

function buildAuth({ auth }: Pick<FileUpstream, 'auth'>, resolvePath: ResolvePath): UpstreamAuth | null {
  if (auth === null) return null;
  if (auth.file !== undefined) return { kind: 'file', file: resolvePath(auth.file) };
  const { azureWorkloadIdentity: workload, azureManagedIdentity: managed, awsEcr: ecr } = auth;
  if (workload !== undefined) {
    const { tokenFile, authority } = workload;
    return {
      kind: 'azureWorkloadIdentity',
      ...workload,
      tokenFile: tokenFile === null ? null : resolvePath(tokenFile),
      authority: authority === null ? null : new URL(authority).origin,
    };
  }
  if (managed !== undefined) return { kind: 'azureManagedIdentity', ...managed };
  if (ecr !== undefined) return { kind: 'awsEcr', region: present(ecr.region), registryId: ecr.registryId };
  const { command, timeoutSeconds } = present(auth.exec);
  return { kind: 'exec', command: all(command), timeoutSeconds };
}

function buildClients(file: FileClients, resolvePath: ResolvePath): ClientsConfig {
  return {
    anonymous: file.anonymous,
    htpasswdFile: file.htpasswd === null ? null : resolvePath(present(file.htpasswd.file)),
    mtls: file.mtls,
    networks: all(file.networks),
  };
}

/** As `matchHostPattern` wants it: hosts come without the https port. */
function canonicalPattern(pattern: string): string {
  return pattern.toLowerCase().replace(/:443$/, '');
}

function all<T>(list: FileList<T> | undefined): readonly T[] {
  return present(list).map(present);
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a required field is missing from a checked configuration');
  return value;
}
