import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';

import type { StoreEntry } from '../../src/cache/blob-store.ts';
import { parseCatalog, readCatalog, writeCatalog } from '../../src/cache/catalog-file.ts';
import { DISK } from '../../src/cache/store-fs.ts';
import { parseDigest } from '../../src/oci/digest.ts';

function entries(count: number): StoreEntry[] {
  return Array.from({ length: count }, (_, at) => {
    const parsed = parseDigest(`sha256:${createHash('sha256').update(String(at)).digest('hex')}`);
    if (parsed.kind !== 'ok') throw new TypeError('not a digest');
    return { digest: parsed.digest, bytes: at * 7, publishedAt: 1_700_000_000_000, lastUsedAt: at };
  });
}

t.test('what is written is read, in its order', async (t) => {
  const path = join(t.testdir(), 'catalog');
  t.equal(await readCatalog(DISK, path), undefined, 'not there');
  for (const count of [0, 1, 4095, 4096, 10_000]) {
    await writeCatalog(DISK, path, entries(count));
    t.same(await readCatalog(DISK, path), entries(count), `${count} entries`);
  }
});

t.test('damage is found', async (t) => {
  const path = join(t.testdir(), 'catalog');
  await writeCatalog(DISK, path, entries(50));
  const content = await readFile(path);
  for (const at of [0, 30, 100, content.length - 3, content.length - 1]) {
    const damaged = Buffer.from(content);
    damaged[at] = 0x20 ^ (damaged[at] ?? 0);
    t.equal(parseCatalog(damaged), undefined, `byte ${at}`);
  }
  const text = content.toString('latin1');
  t.equal(parseCatalog(Buffer.from(text.replace(' 7 ', ' 8 '), 'latin1')), undefined, 'another length');
  for (let end = 0; end < content.length; end += 97) {
    t.equal(parseCatalog(content.subarray(0, end)), undefined, `${end} bytes`);
  }
  await writeFile(path, Buffer.concat([content, content]));
  t.equal(await readCatalog(DISK, path), undefined, 'twice');
});
