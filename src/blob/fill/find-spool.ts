import type { PartialBlob, StoredBlob } from '../../cache/blob-store.ts';
import type { Digest } from '../../oci/digest.ts';
import type { BlobSource } from '../blob-source.ts';
import { learnLength } from '../open-blob.ts';
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
    readonly source: BlobSource;
    readonly statedLength: number | undefined;
    readonly signal: AbortSignal;
  },
  { store, scope }: Pick<FillDeps, 'store' | 'scope'>,
  reserve: (bytes: number) => boolean,
): Promise<FoundSpool | undefined> {
  const { digest, source, statedLength, signal } = blob;
  const stored = await store.open(digest);
  if (stored !== undefined) return { kind: 'stored', stored };
  const length = statedLength ?? (await learnLength({ source, signal }));
  if (!reserve(length)) return undefined;
  const partial = await store.openPartial(digest, length, scope);
  return partial === undefined ? undefined : { kind: 'partial', partial };
}
