// Child of the benchmark: `node bench/start/fill-store.ts DIRECTORY COUNT` publishes COUNT small blobs in a disk cache by
// the store's own code, and prints the digest of one of them.
import { createHash } from 'node:crypto';
import { pino } from 'pino';

import { openDiskStore } from '../../src/cache/open-disk-store.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { parseDigest } from '../../src/oci/digest.ts';

const BLOB_BYTES = 512;
const PIECE_BYTES = 1024 ** 2;
const MAX_BYTES = 16 * 1024 ** 3;
const AT_ONCE = 32;

const [, , directory = '', count = '0'] = process.argv;
const store = await openDiskStore({
  directory,
  maxBytes: MAX_BYTES,
  minFreeBytes: 0,
  pieceBytes: PIECE_BYTES,
  metrics: createMetrics(),
  log: pino({ level: 'silent' }),
  now: Date.now,
});

async function publish(number: number): Promise<string> {
  const bytes = Buffer.alloc(BLOB_BYTES);
  bytes.writeUInt32BE(number);
  const parsed = parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
  if (parsed.kind !== 'ok') throw new Error('not a digest');
  const partial = await store.openPartial(parsed.digest, bytes.length, 'bench');
  if (partial === undefined) throw new Error('the store takes no blob');
  await partial.write(0, bytes);
  await partial.complete(0);
  (await partial.publish()).close();
  return parsed.digest;
}

const first = await publish(0);
let next = 1;
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (next < Number(count)) {
      next += 1;
      await publish(next - 1);
    }
  }),
);
await store.close();
console.log(first);
