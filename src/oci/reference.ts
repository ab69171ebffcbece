import { type Digest, parseDigest } from './digest.ts';

/** The `<reference>` of the distribution-spec. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

export type ReferenceFailure =
  | { readonly kind: 'invalid_tag' }
  | { readonly kind: 'invalid_digest' }
  | { readonly kind: 'unsupported_digest' };

// distribution-spec, "Pulling manifests": at most 128 characters.
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** A tag has no colon and a digest always has one, so the colon decides which of the two is meant. */
export function parseReference(text: string): Reference | ReferenceFailure {
  if (!text.includes(':')) return TAG.test(text) ? { kind: 'tag', tag: text } : { kind: 'invalid_tag' };
  const parsed = parseDigest(text);
  if (parsed.kind === 'ok') return { kind: 'digest', digest: parsed.digest };
  return { kind: parsed.kind === 'invalid' ? 'invalid_digest' : 'unsupported_digest' };
}

/** The text of a reference, as it stands in a path. */
export function formatReference(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest;
}
