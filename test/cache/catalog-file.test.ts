import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import t from 'tap';

import { catalogIntervalMs, parseCatalog, readCatalog, writeCatalog } from '../../src/cache/catalog-file.ts';
import type { CatalogEntry } from '../../src/cache/store-catalog.ts';
import { DISK } from '../../src/cache/store-fs.ts';
import { parseDigest } from '../../src/oci/digest.ts';

function entries(count: number): CatalogEntry[] {
  return Array.from({ length: count }, (_, at) => {
    const parsed = parseDigest(`sha256:${createHash('sha256').update(String(at)).digest('hex')}`);
    if (parsed.kind !== 'ok') throw new TypeError('not a digest');
    return {
      digest: parsed.digest,
      bytes: at * 7,
      publishedAt: 1_700_000_000_000,
      lastUsedAt: at,
      pins: 0,
      older: undefined,
      newer: undefined,
    };
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

t.test('a large catalog is written as much less often as it is larger', async (t) => {
  const minute = 60_000;
  t.same([0, 1, 100_000, 1_000_000].map(catalogIntervalMs), [minute, minute, minute, 10 * minute]);
});

t.test('a line that is not as it is written is refused, whatever its CRC', async (t) => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const parse = (line: string, count = 1) => {
    const text = `berth-catalog 1\n${line}`;
    return parseCatalog(Buffer.from(`${text}end ${count} ${crc32(text)}\n`));
  };
  t.same(parse(`${digest} 1 2 999999999999999\n`), [
    {
      digest,
      bytes: 1,
      publishedAt: 2,
      lastUsedAt: 999_999_999_999_999,
      pins: 0,
      older: undefined,
      newer: undefined,
    },
  ]);
  for (const line of [
    `${digest} 1 2\n`,
    `${digest} 1 2 3 4\n`,
    `${digest} 1 2 -3\n`,
    `${digest} 1  3\n`,
    `${digest} 1 2 3.5\n`,
    `${digest} 1 2 1000000000000000\n`,
    `${digest}\n`,
    `${digest.toUpperCase()} 1 2 3\n`,
    '\n',
  ]) {
    t.equal(parse(line), undefined, JSON.stringify(line));
  }
  t.equal(parse(`${digest} 1 2 3\n`, 2), undefined, 'another count');
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
