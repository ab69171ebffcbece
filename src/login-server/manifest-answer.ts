import type { Digest } from '../oci/digest.ts';
import type { BoundedAnswer } from './ask-upstream.ts';

/** A manifest as the upstream has described it to a caller, who may have it. */
export type KnownManifest = {
  readonly kind: 'manifest';
  readonly digest: Digest;
  readonly mediaType: string;
  readonly length: number;
};

/** What the upstream said about a manifest: that the caller may have it, and what it is; or an answer to pass on. */
export type ManifestAnswer = KnownManifest | { readonly kind: 'answer'; readonly answer: BoundedAnswer };
