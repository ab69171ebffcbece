import { digestAlgorithm, digestHex, sha512Digest } from '../oci/digest.ts';
import type { StoreEntry } from './blob-store.ts';
import type { BlobTable } from './blob-table.ts';

/**
 * A blob in the catalog file: its algorithm in one byte and seven empty ones, its digest, then length, time of publication and time of last
 * use, each an IEEE 754 double. All numbers are little-endian.
 */
const SHA256 = 1;
const SHA512 = 2;
const HEADER_BYTES = 8;
const DIGEST_BYTES = { [SHA256]: 32, [SHA512]: 64 } as const;
const NUMBER_BYTES = 8;
const NUMBERS_BYTES = 3 * NUMBER_BYTES;

/** Those of a blob by SHA-512. */
export const MAX_RECORD_BYTES = HEADER_BYTES + DIGEST_BYTES[SHA512] + NUMBERS_BYTES;
/** Those of any other. */
export const MIN_RECORD_BYTES = HEADER_BYTES + DIGEST_BYTES[SHA256] + NUMBERS_BYTES;

/** Returns where the next one goes. */
export function writeRecord(target: Buffer, from: number, entry: StoreEntry): number {
  const algorithm = digestAlgorithm(entry.digest) === 'sha256' ? SHA256 : SHA512;
  target.fill(0, from, from + HEADER_BYTES);
  target[from] = algorithm;
  let at = from + HEADER_BYTES;
  at += target.write(digestHex(entry.digest), at, 'hex');
  at = target.writeDoubleLE(entry.bytes, at);
  at = target.writeDoubleLE(entry.publishedAt, at);
  return target.writeDoubleLE(entry.lastUsedAt, at);
}

/** Adds what stands there to the table, and returns where the next one is; undefined where it is none that ends before `end`. */
export function readRecord(content: Buffer, from: number, end: number, table: BlobTable): number | undefined {
  const algorithm = content[from];
  if (algorithm !== SHA256 && algorithm !== SHA512) return undefined;
  const digestAt = from + HEADER_BYTES;
  const numbersAt = digestAt + DIGEST_BYTES[algorithm];
  if (numbersAt + NUMBERS_BYTES > end) return undefined;
  const facts = {
    bytes: content.readDoubleLE(numbersAt),
    publishedAt: content.readDoubleLE(numbersAt + NUMBER_BYTES),
    lastUsedAt: content.readDoubleLE(numbersAt + 2 * NUMBER_BYTES),
  };
  if (!(isCount(facts.bytes) && isCount(facts.publishedAt) && isCount(facts.lastUsedAt))) return undefined;
  if (algorithm === SHA256) table.addSha256(content, digestAt, facts);
  else table.add({ digest: sha512Digest(content, digestAt), ...facts });
  return numbersAt + NUMBERS_BYTES;
}

/** Of bytes or milliseconds. */
function isCount(value: number): boolean {
  return value >= 0 && Number.isSafeInteger(value);
}
