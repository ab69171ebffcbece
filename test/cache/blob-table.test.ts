import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';

import type { StoreEntry } from '../../src/cache/blob-store.ts';
import { createBlobTable } from '../../src/cache/blob-table.ts';
import { NO_ROW } from '../../src/cache/row-order.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../../src/oci/digest.ts';
import { entriesOf } from '../support/blob-table.ts';

function digestOf(text: string): Digest {
  const parsed = parseDigest(text);
  if (parsed.kind !== 'ok') throw new TypeError(`${text} is no digest`);
  return parsed.digest;
}

/** Few, so that they meet; every third by SHA-512, with the beginning of a SHA-256. */
const DIGESTS = Array.from({ length: 30 }, (_, at) => {
  const hex = createHash('sha256')
    .update(String(at - (at % 3)))
    .digest('hex');
  if (at % 3 === 0) return digestOf(`sha256:${hex}`);
  return digestOf(`sha512:${hex}${createHash('sha256').update(`${at}`).digest('hex')}`);
});

t.test('it is a Map that is ordered by the last use', async (t) => {
  const blob = fc.nat({ max: DIGESTS.length - 1 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), blob, bytes: fc.nat() }),
    fc.record({ kind: fc.constant('remove' as const), blob }),
    fc.record({ kind: fc.constant('use' as const), blob, at: fc.nat({ max: 9 }) }),
    fc.record({ kind: fc.constant('sort' as const) }),
    fc.record({ kind: fc.constant('keep' as const) }),
    fc.record({ kind: fc.constant('release' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = createBlobTable();
      let model = new Map<Digest, StoreEntry>();
      const rows = new Map<Digest, number>();
      let release: (() => void) | undefined;
      const usedWhileKept = new Set<number>();
      for (const action of steps) {
        if (action.kind === 'sort') {
          table.sortByUse();
          model = new Map([...model].toSorted(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt));
        } else if (action.kind === 'keep') release ??= table.keepNumbers();
        else if (action.kind === 'release') {
          release?.();
          release = undefined;
          usedWhileKept.clear();
        } else {
          const digest = DIGESTS[action.blob] ?? digestOf('');
          const before = model.get(digest);
          if (action.kind === 'add') {
            const entry = { digest, bytes: action.bytes, publishedAt: action.bytes + 1, lastUsedAt: 0 };
            model.delete(digest);
            model.set(digest, entry);
            const row = table.add(entry);
            if (release !== undefined && usedWhileKept.has(row)) return false;
            rows.set(digest, row);
          } else if (before !== undefined) {
            const row = rows.get(digest) ?? NO_ROW;
            model.delete(digest);
            if (action.kind === 'use') {
              model.set(digest, { ...before, lastUsedAt: action.at });
              table.use(row, action.at);
            } else {
              table.remove(row);
              if (release !== undefined) usedWhileKept.add(row);
              if (table.has(row)) return false;
            }
          }
        }
        for (const digest of DIGESTS) {
          const row = table.find(digest);
          if (row !== table.findHex(digestAlgorithm(digest), digestHex(digest))) return false;
          if (model.has(digest) ? row !== rows.get(digest) : row !== NO_ROW) return false;
        }
        if (table.size !== model.size) return false;
      }
      t.same(entriesOf(table), [...model.values()]);
      return true;
    }),
    { numRuns: 300 },
  );
});

t.test('it grows, and what was removed makes room', async (t) => {
  const table = createBlobTable();
  const entries = Array.from({ length: 5000 }, (_, at) => ({
    digest: digestOf(`sha256:${createHash('sha256').update(String(at)).digest('hex')}`),
    bytes: at,
    publishedAt: 1,
    lastUsedAt: at,
  }));
  for (const entry of entries) table.add(entry);
  t.same(entriesOf(table), entries);
  for (const { digest } of entries) table.remove(table.find(digest));
  t.same([table.size, entriesOf(table)], [0, []]);
  for (const entry of entries) table.add(entry);
  t.same(entriesOf(table), entries);
  t.equal(table.rows, 5000, 'in the rows of those before');
});

t.test('a name that is no digest is not there', async (t) => {
  const table = createBlobTable();
  const hex = 'ab'.repeat(32);
  const longer = 'ab'.repeat(64);
  for (const digest of [`sha256:${hex}`, `sha512:${longer}`]) {
    table.add({ digest: digestOf(digest), bytes: 1, publishedAt: 1, lastUsedAt: 1 });
  }
  t.not(table.findHex('sha256', hex), NO_ROW);
  t.not(table.findHex('sha512', longer), NO_ROW);
  for (const character of ['A', 'B', 'G', 'g', '/', ':', '`', '@', 'W', '\0', 'ā', '١']) {
    for (const at of [0, 1, 63]) {
      const name = `${hex.slice(0, at)}${character}${hex.slice(at + 1)}`;
      t.equal(table.findHex('sha256', name), NO_ROW, name);
    }
    const name = `${longer.slice(0, 100)}${character}${longer.slice(101)}`;
    t.equal(table.findHex('sha512', name), NO_ROW, name);
  }
  for (const name of ['', hex.slice(1), `${hex}a`, longer])
    t.equal(table.findHex('sha256', name), NO_ROW, name);
  for (const name of ['', hex, longer.slice(1)]) t.equal(table.findHex('sha512', name), NO_ROW, name);
});
