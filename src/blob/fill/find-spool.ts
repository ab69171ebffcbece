import type { PartialBlob, StoredBlob } from '../../cache/blob-store.ts';
import type { Digest } from '../../oci/digest.ts';
import { countFailure } from '../../upstream/count-failure.ts';
import { UpstreamFailure } from '../../upstream/failure.ts';
import type { BlobSource } from '../blob-source.ts';
import { askLength } from '../open-blob.ts';
import type { FillDeps } from './fill-deps.ts';

export type FoundSpool =
  /** Somebody has published it meanwhile. */
  | { readonly kind: 'stored'; readonly stored: StoredBlob }
  | { readonly kind: 'partial'; readonly partial: PartialBlob };

/**
 * The file that a fill works on; the length is asked of the source where no ticket has it. Undefined where `reserve` or the
 * store does not let it.
 *
 * @throws UpstreamFailure where the length can not be learnt; what the store throws
 */
export async function findSpool(
  blob: {
    readonly digest: Digest;
    /** Whom to ask for the length, one after another; more may be added meanwhile. */
    readonly sources: readonly BlobSource[];
    readonly statedLength: number | undefined;
    readonly signal: AbortSignal;
  },
  deps: Pick<FillDeps, 'store' | 'scope' | 'metrics' | 'now' | 'unixNow' | 'random' | 'resumeLimits'>,
  reserve: (bytes: number) => boolean,
): Promise<FoundSpool | undefined> {
  const { digest, sources, statedLength, signal } = blob;
  const { store, scope } = deps;
  const stored = await store.open(digest);
  if (stored !== undefined) return { kind: 'stored', stored };
  const length = statedLength ?? (await askEach(sources, signal, deps));
  if (!reserve(length)) return undefined;
  const partial = await store.openPartial(digest, length, scope);
  return partial === undefined ? undefined : { kind: 'partial', partial };
}

async function askEach(
  sources: readonly BlobSource[],
  signal: AbortSignal,
  deps: Pick<FillDeps, 'metrics' | 'now' | 'unixNow' | 'random' | 'resumeLimits'>,
): Promise<number> {
  const { metrics, random, unixNow: now, now: steady, resumeLimits: limits } = deps;
  const resume = { metrics, random, now, steady, limits };
  let failure: UpstreamFailure | undefined;
  // By index: tickets that come meanwhile count, too.
  for (let index = 0; index < sources.length; index += 1) {
    try {
      return await askLength(sources[index] as BlobSource, signal, resume);
    } catch (error) {
      if (signal.aborted || !(error instanceof UpstreamFailure)) throw error;
      countFailure(metrics, error);
      failure = error;
    }
  }
  throw failure ?? new UpstreamFailure('destination_unavailable', 'storage', 'the blob has no source');
}
