import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { TicketKeys } from './ticket-keys.ts';

/** What a box is for and in which version; authenticated, so that one kind is never taken for another. */
export type BoxPurpose = 'ticket/1' | 'upload/1' | 'state/1';

export type BoxRefusal = 'malformed' | 'unknown_key' | 'bad_signature';

const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D §8.2.2: 96 random bits, at most 2^32 boxes per key. */
const NONCE_BYTES = 12;
/** The full tag: shorter ones weaken with each failed try (SP 800-38D appendix C). */
const TAG_BYTES = 16;

/**
 * Seals content with AES-256-GCM: base64url of `length of key id (1 byte) | key id | nonce | ciphertext | tag`.
 */
export function sealBox(keys: TicketKeys, purpose: BoxPurpose, content: Buffer): string {
  const { id, secret } = keys.seal;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(purpose, id));
  const head = Buffer.concat([Buffer.of(id.length), Buffer.from(id, 'latin1'), nonce]);
  return Buffer.concat([head, cipher.update(content), cipher.final(), cipher.getAuthTag()]).toString(
    'base64url',
  );
}

/** Opens what `sealBox` sealed with any of the keys. Never throws; the caller bounds the text's length. */
export function openBox(
  keys: TicketKeys,
  purpose: BoxPurpose,
  text: string,
):
  | { readonly kind: 'ok'; readonly content: Buffer }
  | { readonly kind: 'refused'; readonly reason: BoxRefusal } {
  const box = Buffer.from(text, 'base64url');
  // Node skips characters that are not base64 and ignores spare bits: without this, altered text could still open.
  if (box.toString('base64url') !== text) return { kind: 'refused', reason: 'malformed' };
  const idEnd = 1 + (box[0] ?? 0);
  const nonceEnd = idEnd + NONCE_BYTES;
  if (box.length < nonceEnd + TAG_BYTES) return { kind: 'refused', reason: 'malformed' };
  const key = keys.open.get(box.toString('latin1', 1, idEnd));
  if (key === undefined) return { kind: 'refused', reason: 'unknown_key' };
  const decipher = createDecipheriv(CIPHER, key.secret, box.subarray(idEnd, nonceEnd), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(purpose, key.id));
  decipher.setAuthTag(box.subarray(-TAG_BYTES));
  const opened = decipher.update(box.subarray(nonceEnd, -TAG_BYTES));
  try {
    return { kind: 'ok', content: Buffer.concat([opened, decipher.final()]) };
  } catch {
    return { kind: 'refused', reason: 'bad_signature' };
  }
}

function associatedData(purpose: BoxPurpose, keyId: string): Buffer {
  return Buffer.from(`berth/${purpose}\0${keyId}`, 'latin1');
}
