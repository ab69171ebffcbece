import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import t from 'tap';

import type { StoreEntry } from '../../src/cache/blob-store.ts';
import { catalogIntervalMs, parseCatalog, readCatalog, writeCatalog } from '../../src/cache/catalog-file.ts';
import { DISK } from '../../src/cache/store-fs.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { entriesOf } from '../support/blob-table.ts';
import { testDirectory } from '../support/test-directory.ts';

/** Every seventh by SHA-512. */
function entries(count: number): StoreEntry[] {
  return Array.from({ length: count }, (_, at) => {
    const algorithm = at % 7 === 6 ? 'sha512' : 'sha256';
    const parsed = parseDigest(`${algorithm}:${createHash(algorithm).update(String(at)).digest('hex')}`);
    if (parsed.kind !== 'ok') throw new TypeError('not a digest');
    return { digest: parsed.digest, bytes: at * 7, publishedAt: 1_700_000_000_000, lastUsedAt: at };
  });
}

t.test('what is written is read, in its order', async (t) => {
  const path = join(testDirectory(t), 'catalog');
  t.equal(await readCatalog(DISK, path), undefined, 'not there');
  for (const count of [0, 1, 4095, 4096, 10_000]) {
    await writeCatalog(DISK, path, entries(count));
    t.same(entriesOf(await readCatalog(DISK, path)), entries(count), `${count} entries`);
  }
});

t.test('a large catalog is written as much less often as it is larger', async (t) => {
  const minute = 60_000;
  t.same([0, 1, 100_000, 1_000_000].map(catalogIntervalMs), [minute, minute, minute, 10 * minute]);
});

const FIRST_LINE = 'berth-catalog 2\n';
const RECORD_BYTES = 64;

/** A file of these records that its CRC-32 is right for. */
function fileOf(records: Buffer, count: number): Buffer {
  const before = Buffer.concat([Buffer.from(FIRST_LINE), records]);
  const end = Buffer.from('end\n____________');
  end.writeUInt32LE(crc32(before), 4);
  end.writeDoubleLE(count, 8);
  return Buffer.concat([before, end]);
}

/** Its algorithm, a digest of ones, its three numbers. */
function recordOf(algorithm: number, ...numbers: readonly number[]): Buffer {
  const record = Buffer.alloc(RECORD_BYTES, 1);
  record.fill(0, 0, 8);
  record[0] = algorithm;
  for (const [at, number] of numbers.entries()) record.writeDoubleLE(number, 40 + 8 * at);
  return record;
}

t.test('a record that is not as it is written is refused, whatever the CRC', async (t) => {
  const largest = Number.MAX_SAFE_INTEGER;
  t.same(entriesOf(parseCatalog(fileOf(recordOf(1, 1, 2, largest), 1))), [
    { digest: `sha256:${'01'.repeat(32)}`, bytes: 1, publishedAt: 2, lastUsedAt: largest },
  ]);
  for (const [name, file] of Object.entries({
    'no algorithm': fileOf(recordOf(0, 1, 2, 3), 1),
    'an unknown algorithm': fileOf(recordOf(3, 1, 2, 3), 1),
    'a longer digest than there are bytes': fileOf(recordOf(2, 1, 2, 3), 1),
    'a negative length': fileOf(recordOf(1, -1, 2, 3), 1),
    'half a byte': fileOf(recordOf(1, 1.5, 2, 3), 1),
    'no number': fileOf(recordOf(1, 1, Number.NaN, 3), 1),
    'no end': fileOf(recordOf(1, 1, 2, Number.POSITIVE_INFINITY), 1),
    'more than can be counted': fileOf(recordOf(1, 1, 2, largest + 1), 1),
    'half a record more': fileOf(Buffer.concat([recordOf(1, 1, 2, 3), Buffer.alloc(8)]), 1),
    'another count': fileOf(recordOf(1, 1, 2, 3), 2),
    nothing: Buffer.alloc(0),
    'a first line': Buffer.from(FIRST_LINE),
    'the format before': Buffer.from(`berth-catalog 1\nend 0 ${crc32('berth-catalog 1\n')}\n`),
  })) {
    t.equal(parseCatalog(file), undefined, name);
  }
});

t.test('damage is found', async (t) => {
  const path = join(testDirectory(t), 'catalog');
  await writeCatalog(DISK, path, entries(50));
  const content = await readFile(path);
  t.equal(parseCatalog(content)?.size, 50);
  for (let at = 0; at < content.length; at += 13) {
    const damaged = Buffer.from(content);
    damaged[at] = 0x20 ^ (damaged[at] ?? 0);
    t.equal(parseCatalog(damaged), undefined, `byte ${at}`);
  }
  for (let end = 0; end < content.length; end += 97) {
    t.equal(parseCatalog(content.subarray(0, end)), undefined, `${end} bytes`);
  }
  await writeFile(path, Buffer.concat([content, content]));
  t.equal(await readCatalog(DISK, path), undefined, 'twice');
});
