declare const brand: unique symbol;

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case; comes from `parseDigest`, or from bytes that are one. */
export type Digest = string & { readonly [brand]: 'Digest' };

export type DigestAlgorithm = 'sha256' | 'sha512';

export type ParsedDigest =
  | {
      readonly kind: 'ok';
      readonly digest: Digest;
      readonly algorithm: DigestAlgorithm;
      readonly hex: string;
    }
  /** Not the grammar of a digest, or not the encoding that its algorithm has. */
  | { readonly kind: 'invalid' }
  /** A well-formed digest by an algorithm that Berth can not verify. */
  | { readonly kind: 'unsupported' };

// image-spec, descriptor.md, "Digests". Separators part the components, so there is one way to match.
const GRAMMAR = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]+$/;
const SUPPORTED = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
// The longest supported one has 135 characters.
const MAX_LENGTH = 255;

export function parseDigest(text: string): ParsedDigest {
  if (text.length > MAX_LENGTH) return { kind: 'invalid' };
  if (isDigest(text)) {
    return { kind: 'ok', digest: text, algorithm: digestAlgorithm(text), hex: digestHex(text) };
  }
  const algorithm = GRAMMAR.exec(text)?.[1];
  if (algorithm === undefined || algorithm === 'sha256' || algorithm === 'sha512') return { kind: 'invalid' };
  return { kind: 'unsupported' };
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The part after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The SHA-256 whose 32 bytes are at this place. */
export function sha256Digest(content: Buffer, at: number): Digest {
  return `sha256:${content.toString('hex', at, at + SHA256_BYTES)}` as Digest;
}

/** The SHA-512 whose 64 bytes are at this place. */
export function sha512Digest(content: Buffer, at: number): Digest {
  return `sha512:${content.toString('hex', at, at + SHA512_BYTES)}` as Digest;
}

const SHA256_BYTES = 32;
const SHA512_BYTES = 64;

function isDigest(text: string): text is Digest {
  return SUPPORTED.test(text);
}
