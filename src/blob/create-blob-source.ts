import type { BlobSourceRef } from '../ticket/ticket.ts';
import { locationFailure } from '../upstream/location-failure.ts';
import type { RawUrl } from '../upstream/raw-url.ts';
import { startTransfer, type TransferDeps } from '../upstream/transfer.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { BlobSource } from './blob-source.ts';
import type { RenewedSource, RenewSource } from './renew-source.ts';

export type BlobSourceDeps = TransferDeps & {
  readonly upstream: Pick<UpstreamRegistry, 'storage' | 'checkLocation' | 'origin'>;
};

/** Milliseconds in which what one request has renewed is fresh enough for its others. */
const FRESH_MS = 60_000;

/**
 * The source that a ticket or a location names. Credentials go to the registry's own host alone: a storage host, and
 * whatever a redirect leads to, gets none.
 *
 * @param authorization for a source at the registry itself
 * @param renew left out: there are no credentials to ask the upstream with
 * @throws UpstreamFailure `redirect_refused` where the rules (of today's configuration) do not allow the URL
 */
export function createBlobSource(
  ref: BlobSourceRef,
  authorization: string | undefined,
  deps: BlobSourceDeps,
  renew?: RenewSource,
): BlobSource {
  if (renew === undefined) {
    return { ...openRef({ ref, authorization }, deps), facts: { ref, authorization, renewal: undefined } };
  }
  let latest: { readonly source: BlobSource; readonly madeAt: number };

  function make(from: RenewedSource): BlobSource {
    const source: BlobSource = {
      ...openRef(from, deps),
      expiresAt: expiryOf(from.ref),
      facts: { ...from, renewal: renew?.facts },
      async renew(signal, hasFailed = false) {
        // Of one transfer's requests each may still have the first.
        if (latest.source !== source && performance.now() - latest.madeAt < FRESH_MS) return latest.source;
        const renewed = await renew?.(signal, hasFailed ? source.origin : undefined);
        return renewed && make(renewed);
      },
    };
    latest = { source, madeAt: performance.now() };
    return source;
  }

  return make({ ref, authorization });
}

/** Unix milliseconds. */
function expiryOf(ref: BlobSourceRef): number | undefined {
  return ref.kind === 'storage' && ref.expiresAt !== undefined ? ref.expiresAt * 1000 : undefined;
}

function openRef({ ref, authorization }: RenewedSource, deps: BlobSourceDeps): BlobSource {
  // Checked again although it was before sealing: the configuration may have become narrower since.
  const checked = deps.upstream.checkLocation(ref.url, deps.upstream.origin);
  const where = ref.kind === 'registry' ? 'registry' : 'storage';
  if (checked.kind === 'refused') throw locationFailure(checked, where);
  const credentials = where === 'registry' && checked.sameOrigin ? authorization : undefined;
  // What the registry redirected to is the first hop; the registry itself is none.
  return atUrl(checked.target, credentials, where, where === 'registry' ? 0 : 1, deps);
}

function atUrl(
  url: RawUrl,
  authorization: string | undefined,
  where: 'registry' | 'storage',
  hops: number,
  deps: BlobSourceDeps,
): BlobSource {
  return {
    where,
    origin: url.origin,
    start: (headers, handler) =>
      startTransfer(
        deps.upstream.storage,
        {
          origin: url.origin,
          path: url.path,
          headers: authorization === undefined ? headers : { ...headers, authorization },
          where,
        },
        deps,
        handler,
      ),
    redirected(location) {
      const checked = deps.upstream.checkLocation(location, `${url.origin}${url.path}`, hops);
      if (checked.kind === 'refused') throw locationFailure(checked, where);
      return atUrl(checked.target, undefined, 'storage', hops + 1, deps);
    },
  };
}
