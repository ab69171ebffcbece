// Child of the benchmark: `node bench/growth/write-store.ts DIRECTORY COUNT` lays out a disk cache of COUNT small blobs and its
// catalog, as a Berth that has published them leaves it, without publishing each: a million take half a minute. Prints the digest of one
// of them.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { StoreEntry } from '../../src/cache/blob-store.ts';
import { writeCatalog } from '../../src/cache/catalog-file.ts';
import { DISK } from '../../src/cache/store-fs.ts';
import { DIRECTORY_MODE, FILE_MODE, storeLayout } from '../../src/cache/store-layout.ts';
import { parseDigest } from '../../src/oci/digest.ts';

const BLOB_BYTES = 512;

const [, , directory = '', count = '0'] = process.argv;
const layout = storeLayout(directory);
const made = new Set<string>();
const entries: StoreEntry[] = [];
for (let number = 0; number < Number(count); number += 1) {
  const content = Buffer.alloc(BLOB_BYTES);
  content.writeUInt32BE(number);
  const parsed = parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`);
  if (parsed.kind !== 'ok') throw new Error('not a digest');
  const { digest } = parsed;
  const path = layout.blob(digest);
  const shard = dirname(path);
  if (!made.has(shard)) mkdirSync(shard, { recursive: true, mode: DIRECTORY_MODE });
  made.add(shard);
  writeFileSync(path, content, { mode: FILE_MODE });
  const now = Date.now();
  entries.push({
    digest,
    bytes: BLOB_BYTES,
    publishedAt: now,
    lastUsedAt: now,
  });
}
await writeCatalog(DISK, layout.catalog, entries);
console.log(entries[0]?.digest);
