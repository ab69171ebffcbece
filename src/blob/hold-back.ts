import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';
import type { OpenedBlob } from './open-blob.ts';

/**
 * Verifies a whole blob as its bytes pass in order, and says from which byte on they must wait for the verdict.
 * A client that has every byte but the last ones can not mistake a wrong blob for a complete one.
 */
export type Verifier = {
  /** Position of the first byte that is held back; everything before may go out as it comes. */
  readonly holdBackFrom: number;
  update(chunk: Uint8Array): void;
  /** True when everything that passed has the digest. Once only; a promise where somebody else looks at the bytes. */
  matches(): boolean | Promise<boolean>;
};

/** Bytes held back: fits one write, and no client takes a body that lacks it for complete. */
export const HOLD_BACK_BYTES = 64 * 1024;

export function createVerifier(digest: Digest, completeLength: number): Verifier {
  const hash: Hash = createHash(digestAlgorithm(digest));
  return {
    holdBackFrom: holdBackFrom(completeLength),
    update: (chunk) => {
      hash.update(chunk);
    },
    matches: () => hash.digest('hex') === digestHex(digest),
  };
}

/** How an opened blob is verified as it is delivered; undefined for a range, which can not be, and for what is proved already. */
export function verifierOf(opened: OpenedBlob, digest: Digest): Verifier | undefined {
  const { verdict, length, completeLength } = opened;
  // A range that happens to be the whole blob (`bytes=0-`) can be proved as well as the whole.
  if (length !== completeLength || verdict?.kind === 'proved') return undefined;
  if (verdict === undefined) return createVerifier(digest, completeLength);
  return { holdBackFrom: holdBackFrom(completeLength), update: () => undefined, matches: verdict.matches };
}

function holdBackFrom(completeLength: number): number {
  return completeLength - Math.min(HOLD_BACK_BYTES, completeLength);
}
