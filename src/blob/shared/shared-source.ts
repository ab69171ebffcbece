import type { ByteRange } from '../../http/range.ts';
import type { BlobSource } from '../blob-source.ts';
import { OWN_LOCATION, type SharedContent, serveContent } from './serve-content.ts';

export type SharedSourceDeps = {
  /** Whose word the shared bytes are. */
  readonly origin: string;
  /** Whether it is worth a look now. */
  readonly isUsable: () => boolean;
  readonly find: (range: ByteRange, signal: AbortSignal) => Promise<SharedContent>;
};

/**
 * A ticket's source with the shared store before it. It counts as the ticket's own, and leads on as a redirect would: to the store
 * where that is worth a look, and from there back to the ticket's where the store has nothing. So each byte is the word of
 * whoever sent it, and a store that fails or lies takes no other source along.
 */
export function createSharedSource(own: BlobSource, deps: SharedSourceDeps): BlobSource {
  const atStore: BlobSource = {
    where: 'storage',
    origin: deps.origin,
    start(headers, handler) {
      const range = absoluteRange(headers['range']);
      return serveContent(
        async (signal) =>
          range === undefined || !deps.isUsable() ? { kind: 'own' } : deps.find(range, signal),
        handler,
      );
    },
    redirected: () => own,
  };
  return {
    where: own.where,
    origin: own.origin,
    ...(own.expiresAt !== undefined && { expiresAt: own.expiresAt }),
    start(headers, handler) {
      if (!deps.isUsable() || absoluteRange(headers['range']) === undefined)
        return own.start(headers, handler);
      return serveContent(() => Promise.resolve({ kind: 'own' }), handler);
    },
    redirected: (location) => (location === OWN_LOCATION ? atStore : own.redirected(location)),
    ...(own.renew !== undefined && {
      async renew(signal: AbortSignal, hasFailed?: boolean) {
        const renewed = await own.renew?.(signal, hasFailed);
        return renewed && createSharedSource(renewed, deps);
      },
    }),
  };
}

function absoluteRange(field: string | undefined): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(field ?? '') ?? [];
  if (first === undefined || last === undefined) return undefined;
  return { firstPos: Number(first), lastPos: Number(last) };
}
