import type { ByteRange, RangeSpec } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { BufferPool } from '../upstream/buffer-pool.ts';
import type { BlobSource } from './blob-source.ts';
import { fallOver } from './fall-over.ts';
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

  async function openElsewhere(
    order: OpenOrder,
  ): Promise<{ readonly place: BlobOrigin; readonly result: OpenResult }> {
    const request = { ...order, source: await order.source() };
    const shared = await fills?.join(request);
    if (shared !== undefined) return { place: 'fill', result: shared };
    return { place: 'upstream', result: await openBlob(request, resume) };
  }

  return {
    async open(order) {
      const found = await stored?.open(order.digest, order.range, order.signal);
      if (found === undefined) {
        const { place, result } = await openElsewhere(order);
        return { from: () => place, result };
      }
      if (found.kind === 'unsatisfiable') return { from: () => 'cache', result: found };
      let from: BlobOrigin = 'cache';
      const result = fallOver(found, {
        digest: order.digest,
        pool,
        async open(range) {
          const knownLength = found.completeLength;
          const rest = await openElsewhere({ ...order, range, throughTo: 0, knownLength });
          from = rest.place;
          return rest.result;
        },
      });
      return { from: () => from, result };
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
