import { createHash, type Hash } from 'node:crypto';
import { type Digest, digestAlgorithm, digestHex } from '../oci/digest.ts';

/**
 * Verifies a whole blob as its bytes pass in order, and says from which byte on they must wait for the verdict.
 * A client that has every byte but the last ones can not mistake a wrong blob for a complete one.
 */
export type Verifier = {
  /** Position of the first byte that is held back; everything before may go out as it comes. */
  readonly holdBackFrom: number;
  update(chunk: Uint8Array): void;
  /** True when everything that passed has the digest. Once only. */
  matches(): boolean;
};

/** Bytes held back: fits one write, and no client takes a body that lacks it for complete. */
export const HOLD_BACK_BYTES = 64 * 1024;

export function createVerifier(digest: Digest, completeLength: number): Verifier {
  const hash: Hash = createHash(digestAlgorithm(digest));
  return {
    holdBackFrom: completeLength - Math.min(HOLD_BACK_BYTES, completeLength),
    update: (chunk) => {
      hash.update(chunk);
    },
    matches: () => hash.digest('hex') === digestHex(digest),
  };
}
