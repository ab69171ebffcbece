import type { ByteRange, RangeSpec } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import type { LeastRate } from '../upstream/rate-watch.ts';
import type { BlobSource } from './blob-source.ts';
import { fallOver, NO_LEAST_RATE } from './fall-over.ts';
import type { LazySource } from './lazy-source.ts';
import { askLength, type OpenResult, openBlob } from './open-blob.ts';
import type { ResumeDeps } from './resume-source.ts';

/** Opens a blob, or one range of it, wherever its bytes are: whether a caller may have it was decided before. */
export type BlobOpener = {
  /** @throws UpstreamFailure where no place has it; the reason of `signal` when that aborts */
  open(request: OpenOrder): Promise<Opening>;
  /** Bytes of the blob; see `open` for what it throws. */
  length(request: LengthRequest): Promise<number>;
};

export type OpenRequest = {
  readonly digest: Digest;
  /** Whose word the source is: what is not verified yet is shared within it alone (K5). */
  readonly scope: string;
  readonly source: BlobSource;
  /** One range; undefined for the whole blob. */
  readonly range: RangeSpec | undefined;
  /** See `OpenOptions.throughTo`. */
  readonly throughTo?: number;
  /** Bytes, where an earlier answer told. */
  readonly knownLength: number | undefined;
  readonly signal: AbortSignal;
};

/** A request whose source is made when it is needed: what is kept needs none, and no credentials for it (K6). */
export type OpenOrder = Omit<OpenRequest, 'source'> & { readonly source: LazySource };

export type LengthRequest = Pick<OpenOrder, 'digest' | 'source' | 'signal'>;

/** `cache`: published before. `fill`: shared with everybody who reads it now. `upstream`: a stream of its own. */
export type BlobOrigin = 'cache' | 'fill' | 'upstream';

export type Opening = {
  /** Where the bytes come from now. */
  readonly from: () => BlobOrigin;
  readonly result: OpenResult;
};

/** Where the bytes may be had without asking the source; each says undefined where they can not be had there now. */
export type BlobPlaces = {
  /**
   * Published blobs. Neither throws for a disk that fails, nor waits for one that hangs: the source has the bytes, too.
   * They reject with the reason of `signal` when that aborts.
   */
  readonly stored?: {
    open(digest: Digest, range: RangeSpec | undefined, signal?: AbortSignal): Promise<OpenResult | undefined>;
    length(digest: Digest, signal?: AbortSignal): Promise<number | undefined>;
  };
  readonly fills?: { join(request: OpenRequest): Promise<OpenResult | undefined> };
};

/** The published blob, else the fill under way or a new one, else a stream from the source. */
export function createBlobOpener(
  places: BlobPlaces,
  deps: { readonly pool: BufferPool; readonly resume: ResumeDeps },
): BlobOpener {
  const { stored, fills } = places;
  const { pool, resume } = deps;

  /** Not the cache: it has no more than it has shown. */
  async function openElsewhere(order: OpenOrder): Promise<Opening> {
    const request = { ...order, source: await order.source() };
    const filled = await fills?.join(request);
    if (filled === undefined) return { from: () => 'upstream', result: await openBlob(request, resume) };
    return withRest(
      order.digest,
      { place: 'fill', found: filled, leastRate: NO_LEAST_RATE },
      async (range) => {
        const knownLength = filled.completeLength;
        const result = await openBlob({ ...request, range, throughTo: 0, knownLength }, resume);
        return { from: () => 'upstream', result };
      },
    );
  }

  /** What the disk does not bring to its end comes from where `openRest` says (K7). */
  function withRest(
    digest: Digest,
    opened: { readonly place: BlobOrigin; readonly found: OpenResult; readonly leastRate?: LeastRate },
    openRest: (range: RangeSpec | undefined) => Promise<Opening>,
  ): Opening {
    const { place, found, leastRate } = opened;
    let from = (): BlobOrigin => place;
    if (found.kind === 'unsatisfiable') return { from, result: found };
    const result = fallOver(found, {
      digest,
      pool,
      ...(leastRate && { leastRate }),
      async open(range) {
        const rest = await openRest(range);
        from = rest.from;
        return rest.result;
      },
    });
    return { from: () => from(), result };
  }

  return {
    async open(order) {
      const found = await stored?.open(order.digest, order.range, order.signal);
      if (found === undefined) return openElsewhere(order);
      const knownLength = found.completeLength;
      return withRest(order.digest, { place: 'cache', found }, (range) =>
        openElsewhere({ ...order, range, throughTo: 0, knownLength }),
      );
    },
    async length({ digest, source, signal }) {
      const known = await stored?.length(digest, signal);
      return known ?? askLength(await source(), signal, resume);
    },
  };
}

/** The absolute range as a member of a range-set. */
export function asSpec({ firstPos, lastPos }: ByteRange): RangeSpec {
  return { kind: 'int', firstPos, lastPos };
}
