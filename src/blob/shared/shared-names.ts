import { createHash } from 'node:crypto';
import type { Digest } from '../../oci/digest.ts';

/** Under which names replicas share one blob; the same in each of them. */
export type SharedNames = {
  /** The whole blob, verified: for every scope. */
  readonly blob: string;
  /** Of the pieces, unverified: of one scope (K5). */
  piece(index: number): string;
  /** Of lease and record in the shared state. */
  readonly state: string;
};

/** @param pieceBytes pieces of another size are other pieces */
export function sharedNames(scope: string, digest: Digest, pieceBytes: number): SharedNames {
  const [algorithm = '', hex = ''] = digest.split(':');
  const of = createHash('sha256')
    .update(JSON.stringify([scope, pieceBytes]))
    .digest('hex')
    .slice(0, 32);
  const folder = `pieces/${of}/${algorithm}/${hex}`;
  return {
    blob: `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`,
    piece: (index) => `${folder}/${index}`,
    state: `${of}/${digest}`,
  };
}
