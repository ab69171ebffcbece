import type { Digest } from '../oci/digest.ts';
import type { BoundedAnswer } from './ask-upstream.ts';

/** What the upstream said about a manifest: that the caller may have it, and what it is; or an answer to pass on. */
export type ManifestAnswer =
  | {
      readonly kind: 'manifest';
      readonly digest: Digest;
      readonly mediaType: string;
      readonly length: number;
    }
  | { readonly kind: 'answer'; readonly answer: BoundedAnswer };
