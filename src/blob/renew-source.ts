import { createHash } from 'node:crypto';
import { parseRetryAfter } from '../http/retry-after.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { BlobSourceRef } from '../ticket/ticket.ts';
import type { Collapse } from '../upstream/collapse.ts';
import { classifyFailure, UpstreamFailure } from '../upstream/failure.ts';
import type { BlobLocation, UpstreamRegistry } from '../upstream/upstream-registry.ts';

/** Where a fresh decision of the upstream has put the blob, and what is sent along to the registry itself. */
export type RenewedSource = {
  readonly ref: BlobSourceRef;
  readonly authorization: string | undefined;
};

/**
 * Undefined: no credentials are left.
 * @param avoid `scheme://host[:port]` of the source that failed
 * @throws UpstreamFailure where the upstream refuses, or can not be asked; the reason of `signal` when that aborts
 */
export type RenewSource = ((signal: AbortSignal, avoid?: string) => Promise<RenewedSource | undefined>) & {
  /** What it was made of. */
  readonly facts?: RenewalFacts;
};

/** Who asks anew for what, as plain data. */
export type RenewalFacts = { readonly blob: RenewableBlob; readonly credentials: RenewalCredentials };

/** Whose right to the blob is asked about again. */
export type RenewalCredentials =
  /** Berth's own (`upstream.auth`), which go along by themselves. */
  | { readonly kind: 'own' }
  /** The caller's, from a ticket or the request itself; undefined: an upstream that asks for none. */
  | { readonly kind: 'caller'; readonly authorization: string | undefined }
  /** Nobody's: what everybody may have (C8). */
  | { readonly kind: 'anonymous' };

export type RenewalDeps = {
  readonly upstream: Pick<UpstreamRegistry, 'locateBlob' | 'anonymousAuthorization' | 'ownAuthorization'>;
  /** Of this registry. */
  readonly renewals: Collapse<BlobLocation>;
  readonly metrics: Pick<Metrics, 'sourceRenewals'>;
};

export type RenewableBlob = {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** For its turn at the upstream. */
  readonly client: string | undefined;
  /** Where the client is asked for first (X1); undefined: at home. */
  readonly region: string | undefined;
};

/** Asks the upstream anew where a blob is, as B1 does, so that a right taken away ends what is under way (E4). */
export function createRenewSource(
  blob: RenewableBlob,
  credentials: RenewalCredentials,
  deps: RenewalDeps,
): RenewSource {
  const { repository, digest, client, region } = blob;
  const { upstream, renewals, metrics } = deps;

  async function authorizationOf(signal: AbortSignal): Promise<string | undefined> {
    switch (credentials.kind) {
      case 'own':
        return undefined;
      case 'caller':
        return credentials.authorization;
      case 'anonymous':
        return upstream.anonymousAuthorization(repository, signal);
    }
  }

  async function renew(signal: AbortSignal, avoid: string | undefined): Promise<RenewedSource | undefined> {
    const authorization = await authorizationOf(signal);
    const who = [credentials.kind, fingerprint(authorization)];
    const key = JSON.stringify([repository, digest, ...who, region, avoid]);
    const ask = (shared: AbortSignal): Promise<BlobLocation> =>
      upstream.locateBlob({ repository, digest, authorization, client, region, avoid, signal: shared });
    const { value: location } = await renewals.run(key, ask, signal);
    if (location.kind === 'status') {
      // What nobody in particular may not have says nothing about the caller, whose credentials are not here.
      if (credentials.kind === 'anonymous' && NOT_FOR_EVERYBODY.has(location.status)) return undefined;
      throw refusal(location);
    }
    if (location.kind === 'storage') return { ref: asSourceRef(location), authorization: undefined };
    const sent =
      credentials.kind === 'own'
        ? await upstream.ownAuthorization(`/v2/${repository}/blobs/${digest}`, signal, location.url)
        : authorization;
    return { ref: asSourceRef(location), authorization: sent };
  }

  const ask: RenewSource = async (signal, avoid) => {
    try {
      const renewed = await renew(signal, avoid);
      metrics.sourceRenewals.inc({ result: renewed === undefined ? 'no_credentials' : 'ok' });
      return renewed;
    } catch (error) {
      signal.throwIfAborted();
      const failure = classifyFailure(error, 'registry');
      metrics.sourceRenewals.inc({ result: REFUSALS.has(failure.status ?? 0) ? 'refused' : 'failed' });
      throw failure;
    }
  };
  return Object.assign(ask, { facts: { blob, credentials } });
}

/** What a ticket says of a location. */
export function asSourceRef(location: Exclude<BlobLocation, { kind: 'status' }>): BlobSourceRef {
  return location.kind === 'storage'
    ? { kind: 'storage', url: location.url, expiresAt: location.expiresAt }
    : { kind: 'registry', url: location.url };
}

const NOT_FOR_EVERYBODY: ReadonlySet<number> = new Set([401, 403, 404]);
const REFUSALS: ReadonlySet<number> = new Set([401, 403, 404, 410]);

function refusal({ status, headers }: Extract<BlobLocation, { kind: 'status' }>): UpstreamFailure {
  const retryAfter = headers['retry-after'];
  return new UpstreamFailure(
    'http_request_error',
    'registry',
    `the upstream answered ${status} to the renewal`,
    {
      status,
      retryAfterSeconds: retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, Date.now()),
    },
  );
}

/** Tells credentials apart without keeping them. */
function fingerprint(authorization: string | undefined): string {
  return authorization === undefined ? '' : createHash('sha256').update(authorization).digest('base64url');
}
