import type { lookup as dnsLookup } from 'node:dns';
import type { Dispatcher } from 'undici';
import type { Limits, RegistryConfig, Timeouts, UpstreamAuth } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { Tracing } from '../trace/tracing.ts';
import { createAuthorizedRequest, type UpstreamRequest } from './authorized-request.ts';
import { createBearerTokens } from './bearer-tokens.ts';
import {
  type CheckedLocation,
  type CheckLocation,
  checkLocation,
  type LocationRules,
  MAX_HOPS,
} from './check-location.ts';
import type { OpenSocket } from './connector.ts';
import { type CredentialsSource, createCredentialsSource } from './credentials.ts';
import { endBody } from './end-body.ts';
import { createExchange, type ExchangeMetrics, type UpstreamResponse } from './exchange.ts';
import { classifyFailure } from './failure.ts';
import { createFollow } from './follow.ts';
import { createIdentityCredentials, isIdentity } from './identity/create-identity-credentials.ts';
import { createLimitedExchange, isUpload } from './limited-exchange.ts';
import { type BlobLocation, type BlobQuestion, createLocateBlob } from './locate-blob.ts';
import { type Outcome, observeExchange } from './observe-exchange.ts';
import { createOwnAuthorization } from './own-authorization.ts';
import { createPools } from './pools.ts';
import { parseRawUrl } from './raw-url.ts';
import { createRealmSource, type Realm } from './realm.ts';
import type { RegionStatus } from './regional/region-health.ts';
import { createTokenRequest, type TokenAnswer, type TokenRequest } from './token-request.ts';
import { tokenScope } from './token-scope.ts';
import { createUpstreamQueue, type UpstreamQueue } from './upstream-queue.ts';

export type { UpstreamRequest } from './authorized-request.ts';
export type { UpstreamResponse } from './exchange.ts';
export type { BlobLocation, BlobQuestion } from './locate-blob.ts';
export type { Realm } from './realm.ts';
export type { RegionStatus } from './regional/region-health.ts';
export type { TokenAnswer, TokenRequest } from './token-request.ts';

/**
 * One upstream registry. Every method rejects with `UpstreamFailure` when the upstream can not be asked or does not
 * answer; a status of the upstream's own, 429 and 5xx included, is an answer.
 */
export type UpstreamRegistry = {
  /** `scheme://host` of the upstream. */
  readonly origin: string;
  /** One request; a redirect is an answer like any other. */
  request(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** GET or HEAD of a manifest, tags or referrers: follows at most three redirects, each checked. */
  follow(request: Omit<UpstreamRequest, 'body'>): Promise<UpstreamResponse>;
  /** Asks with `Range: bytes=0-0` and without opening the body (docs/adr/0008-location.md). */
  locateBlob(question: BlobQuestion): Promise<BlobLocation>;
  realm(signal: AbortSignal): Promise<Realm>;
  tokenRequest(request: TokenRequest): Promise<TokenAnswer>;
  /** `GET /v2/` out of turn, no credentials: whether the upstream is there. Gives the status. */
  ping(signal: AbortSignal): Promise<number>;
  /** What an anonymous caller would send to pull from the repository; undefined: nothing, or no token is given out. */
  anonymousAuthorization(repository: RepositoryName, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Berth's own Authorization for a GET of this path (`upstream.auth`), for transfers; undefined where there is none.
   *
   * @param url where it is sent to, which names the region; left out: home
   */
  ownAuthorization(path: string, signal: AbortSignal, url?: string): Promise<string | undefined>;
  /** The rules of this registry, for whoever meets a redirect (a transfer from storage). */
  readonly checkLocation: CheckLocation;
  /** For blob bytes: the registry's own as well as storage's. */
  readonly storage: Dispatcher;
  /** Left out: there is one upstream, whatever regions its storage is in. */
  readonly regions?: RegionChoice | undefined;
  /** Ends every connection, also those in use. */
  close(): Promise<void>;
};

/** What is known of the regions behind one registry. */
export type RegionChoice = {
  /** Whether it is worth sending somebody there; of a region that nobody watches, true. */
  isUsable(region: string): boolean;
  /** In which order they are asked now: what was decided in another one may name a place that fails. */
  order(first: string | undefined): string;
  status(): readonly RegionStatus[];
};

export type UpstreamRegistryDeps = {
  readonly limits: Pick<Limits, 'upstreamConnections' | 'tokenBytes'>;
  readonly timeouts: Pick<Timeouts, 'connectSeconds' | 'headersSeconds' | 'commitSeconds' | 'idleSeconds'>;
  readonly metrics: ExchangeMetrics &
    Pick<
      Metrics,
      | 'identityRefreshes'
      | 'redirectsRefused'
      | 'upstreamQueueLength'
      | 'upstreamQueueWait'
      | 'upstreamThrottled'
    >;
  readonly lookup?: typeof dnsLookup | undefined;
  readonly openStorageSocket?: OpenSocket | undefined;
  /** PEM, where `caFile` has been read already. */
  readonly authorities?: string | undefined;
  /** Shared with what asks this registry by an earlier configuration, and not closed here; left out: one of its own. */
  readonly queue?: UpstreamQueue | undefined;
  /** Left out: off. */
  readonly tracing?: Tracing | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  /** Told how each question to the registry itself has ended, whoever asked; not of what the client ended. */
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined;
};

/** Throws when `caFile` can not be read; connects to nothing yet. */
export function createUpstreamRegistry(
  registry: RegistryConfig,
  deps: UpstreamRegistryDeps,
): UpstreamRegistry {
  const { upstream } = registry;
  const { metrics, timeouts, tracing } = deps;
  const now = deps.now ?? Date.now;
  const target = parseRawUrl(upstream.url);
  if (target === undefined) throw new Error(`upstream.url of registry ${registry.name} is no http(s) origin`);
  const { origin, host } = target;
  const pools = createPools(upstream, deps);
  const exchanges = {
    registry: observeExchange(
      createExchange(pools.registry, 'registry', { timeouts, metrics, tracing }),
      deps.onOutcome,
    ),
    uploads: createExchange(pools.uploads, 'registry', { timeouts, metrics, tracing }),
    tokenService: createExchange(pools.tokenService, 'token_service', { timeouts, metrics, tracing }),
    storage: createExchange(pools.storedDocuments, 'storage', { timeouts, metrics, tracing }),
  };
  // What Berth asks on its own has no client whose patience would bound it.
  const options = {
    now,
    maxBytes: deps.limits.tokenBytes,
    deadlineMs: (timeouts.connectSeconds + timeouts.headersSeconds) * 1000,
  };
  const realmRules = { upstreamOrigin: origin, tokenHosts: upstream.tokenHosts };
  const realm = createRealmSource(exchanges.registry, realmRules, options);
  const locationRules: LocationRules = {
    redirectHosts: registry.redirectHosts,
    upstreamOrigin: origin,
    allowHttp: target.scheme === 'http',
  };
  const check: CheckLocation = (location, base, hop = 0) => {
    const checked: CheckedLocation =
      hop < MAX_HOPS
        ? checkLocation(location, base, locationRules)
        : { kind: 'refused', reason: 'too_many_redirects' };
    if (checked.kind === 'refused') {
      // The audit event is of the request that it happens to, where who asked is known.
      metrics.redirectsRefused.inc({ reason: checked.reason });
    }
    return checked;
  };
  const anonymous = createBearerTokens(exchanges.tokenService, undefined, options);
  const credentials = upstream.auth === null ? undefined : credentialsFrom(upstream.auth);

  function credentialsFrom(auth: UpstreamAuth): CredentialsSource {
    if (!isIdentity(auth)) return createCredentialsSource(auth, host, now);
    const exchange = exchanges.tokenService;
    return createIdentityCredentials(auth, { ...options, origin, host, exchange, metrics });
  }

  const own =
    credentials &&
    createOwnAuthorization(
      credentials,
      createBearerTokens(exchanges.tokenService, credentials, options),
      realm,
      realmRules,
    );
  const queue = deps.queue ?? createUpstreamQueue(upstream.limits, { metrics });
  const turns = { shared: own !== undefined, now };
  const limitedTokens = createLimitedExchange(exchanges.tokenService, queue, turns);
  const send = createAuthorizedRequest({
    origin,
    // The realm and Berth's own tokens are not in it: they are asked for once in minutes, and everybody waits for them.
    registry: createLimitedExchange(
      (request) => (isUpload(request) ? exchanges.uploads : exchanges.registry)(request),
      queue,
      turns,
    ),
    own,
  });

  return {
    origin,
    request: send,
    follow: createFollow({ origin, send, storage: exchanges.storage, check }),
    locateBlob: createLocateBlob({ origin, send, check }),
    realm: (signal) => realm(signal).catch(asRegistryFailure),
    async ping(signal) {
      const response = await exchanges.registry({ method: 'GET', origin, path: '/v2/', headers: {}, signal });
      await endBody(response);
      return response.status;
    },
    tokenRequest: createTokenRequest(
      // Another host counts by itself, and by other rules.
      (request) => (request.origin === origin ? limitedTokens : exchanges.tokenService)(request),
      realm,
      deps.limits.tokenBytes,
    ),
    async anonymousAuthorization(repository, signal) {
      const asked = await realm(signal).catch(asRegistryFailure);
      if (asked.kind !== 'bearer') return undefined;
      const scope = `repository:${repository}:pull`;
      const question = { url: asked.url, service: asked.service, scope };
      return anonymous.get(question, signal).catch(asRegistryFailure);
    },
    ownAuthorization: async (path, signal) =>
      own?.forScope(tokenScope('GET', path), signal).catch(asRegistryFailure),
    checkLocation: check,
    storage: pools.storage,
    close() {
      if (deps.queue === undefined) queue.close();
      return pools.close();
    },
  };
}

/** A waiter's own signal rejects with its reason. */
function asRegistryFailure(error: unknown): never {
  throw classifyFailure(error, 'registry');
}
