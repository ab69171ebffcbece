import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Test } from 'tap';

import type { BlobStore, PartialBlob } from '../../../src/cache/blob-store.ts';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';

/** A store that may be closed and opened again on what it kept. */
export type StoreUnderTest = {
  readonly store: BlobStore;
  readonly reopen: () => Promise<BlobStore>;
};

/** Piece size and limit that the suite counts on. */
export const CONTRACT_PIECE_BYTES = 4096;
export const CONTRACT_MAX_BYTES = 20 * CONTRACT_PIECE_BYTES;

export type Content = { readonly bytes: Buffer; readonly digest: Digest };

export function contentOf(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): Content {
  const parsed = parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
  if (parsed.kind !== 'ok') throw new TypeError('a digest that node made is one');
  return { bytes, digest: parsed.digest };
}

export const randomContent = (length: number): Content => contentOf(randomBytes(length));

/** Whose digest begins so, with two characters: such blobs share a directory on disk. */
export function randomContentOf(shard: string, length: number): Content {
  for (;;) {
    const content = randomContent(length);
    if (content.digest.startsWith(`sha256:${shard}`)) return content;
  }
}

export async function mustOpenPartial(store: BlobStore, { digest, bytes }: Content): Promise<PartialBlob> {
  const partial = await store.openPartial(digest, bytes.length, 'contoso');
  if (partial === undefined) throw new Error('the store took no partial');
  return partial;
}

/** Writes and completes these pieces, in this order; left out: all. */
export async function fillPieces(
  partial: PartialBlob,
  bytes: Buffer,
  pieces: Iterable<number> = Array.from({ length: partial.pieceCount }, (_, piece) => piece),
): Promise<void> {
  for (const piece of pieces) {
    const at = piece * partial.pieceBytes;
    const content = bytes.subarray(at, at + partial.pieceBytes);
    const half = content.length >> 1;
    await partial.write(at, content.subarray(0, half));
    await partial.write(at + half, content.subarray(half));
    await partial.complete(piece);
  }
}

export async function publishContent(store: BlobStore, content: Content): Promise<void> {
  const partial = await mustOpenPartial(store, content);
  await fillPieces(partial, content.bytes);
  (await partial.publish()).close();
}

export async function readStored(store: BlobStore, digest: Digest): Promise<Buffer | undefined> {
  const blob = await store.open(digest);
  if (blob === undefined) return undefined;
  try {
    const buffer = Buffer.alloc(blob.length + 1);
    return buffer.subarray(0, await blob.read(0, buffer));
  } finally {
    blob.close();
  }
}

export async function digestsOf(store: BlobStore): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const { digest } of store.list()) digests.push(digest);
  return digests.toSorted();
}

const NEVER = new AbortController().signal;

/** What every blob store does, whatever it is made of. */
export function blobStoreContract(t: Test, open: (t: Test) => Promise<StoreUnderTest>): void {
  t.test('an empty store has nothing', async (t) => {
    const { store } = await open(t);
    const { digest } = randomContent(1);
    t.equal(await store.open(digest), undefined);
    t.equal(await store.remove(digest), 'absent');
    t.equal(await store.verify(digest, NEVER), 'absent');
    t.same(await digestsOf(store), []);
    t.match(store.usage, { bytes: 0, entries: 0, partialBytes: 0, partials: 0, degraded: undefined });
  });

  t.test('what is published is read as it was written', async (t) => {
    const { store, reopen } = await open(t);
    for (const length of [
      0,
      1,
      CONTRACT_PIECE_BYTES,
      CONTRACT_PIECE_BYTES + 1,
      3 * CONTRACT_PIECE_BYTES - 7,
    ]) {
      const content = randomContent(length);
      await publishContent(store, content);
      t.same(await readStored(store, content.digest), content.bytes, `${length} bytes`);
      t.equal(await store.verify(content.digest, NEVER), 'ok');
    }
    const content = contentOf(randomBytes(100), 'sha512');
    await publishContent(store, content);
    const before = await digestsOf(store);
    t.equal(before.length, 6);
    t.match(store.usage, { entries: 6, partials: 0, partialBytes: 0 });
    const again = await reopen();
    t.same(await digestsOf(again), before, 'and is there after a restart');
    t.same(await readStored(again, content.digest), content.bytes);
    t.equal(again.usage.bytes, store.usage.bytes);
  });

  t.test('reads at any position, into any buffer', async (t) => {
    const { store } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES * 2 + 100);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes);
    const blob = await partial.publish();
    t.teardown(() => blob.close());
    t.equal(blob.length, content.bytes.length);
    t.same(await readFile(blob.path), content.bytes, 'by its path, too');
    for (const [position, size] of [
      [0, 1],
      [4000, 200],
      [8192, 100],
      [8192, 5000],
      [8291, 5],
      [8292, 5],
      [9000, 5],
    ] as const) {
      const buffer = Buffer.alloc(size);
      const count = await blob.read(position, buffer);
      t.same(
        buffer.subarray(0, count),
        content.bytes.subarray(position, position + size),
        `${position}+${size}`,
      );
    }
  });

  t.test('a partial is not a blob, has one owner, and is kept for the next one', async (t) => {
    const { store, reopen } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES * 4 + 5);
    const first = await mustOpenPartial(store, content);
    t.equal(first.pieceCount, 5);
    t.equal(
      await store.openPartial(content.digest, content.bytes.length, 'contoso'),
      undefined,
      'it has an owner',
    );
    await fillPieces(first, content.bytes, [3, 0, 4]);
    await first.write(
      CONTRACT_PIECE_BYTES,
      content.bytes.subarray(CONTRACT_PIECE_BYTES, CONTRACT_PIECE_BYTES + 9),
    );
    t.equal(await store.open(content.digest), undefined);
    t.same(await digestsOf(store), []);
    t.equal(store.usage.partialBytes, 3 * CONTRACT_PIECE_BYTES + 5, 'the piece that was begun counts');
    await t.rejects(first.publish(), { message: /piece 1 is not complete/ });
    await first.close();
    await first.close();

    const look = async (next: BlobStore) => {
      const partial = await mustOpenPartial(next, content);
      const have = await Promise.all([0, 1, 2, 3, 4].map((piece) => partial.has(piece)));
      t.same(have, [true, false, false, true, true]);
      const tail = Buffer.alloc(10);
      t.equal(await partial.read(4 * CONTRACT_PIECE_BYTES, tail), 5, 'to the end and no further');
      t.same(tail.subarray(0, 5), content.bytes.subarray(-5));
      return partial;
    };
    await (await look(store)).close();
    const next = await reopen();
    t.match(next.usage, { partials: 1, entries: 0 });
    const partial = await look(next);
    t.equal(next.usage.partialBytes, 2 * CONTRACT_PIECE_BYTES + 5);
    await fillPieces(partial, content.bytes, [1, 2]);
    (await partial.publish()).close();
    t.same(await readStored(next, content.digest), content.bytes);
    t.equal(
      await next.openPartial(content.digest, 5, 'contoso'),
      undefined,
      'what is published is not filled again',
    );
  });

  t.test('a reader of the file sees what was written', async (t) => {
    const { store } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES * 2);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes, [1]);
    const file = await readFile(partial.path);
    t.equal(file.length, content.bytes.length, 'sparse, of its full length');
    t.same(file.subarray(CONTRACT_PIECE_BYTES), content.bytes.subarray(CONTRACT_PIECE_BYTES));
    await partial.discard();
  });

  t.test('writes stay inside one piece', async (t) => {
    const { store } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES + 10);
    const partial = await mustOpenPartial(store, content);
    for (const [position, length] of [
      [-1, 1],
      [CONTRACT_PIECE_BYTES - 1, 2],
      [CONTRACT_PIECE_BYTES, 11],
      [CONTRACT_PIECE_BYTES + 10, 1],
    ] as const) {
      await t.rejects(partial.write(position, Buffer.alloc(length)), RangeError, `${position}+${length}`);
    }
    await t.rejects(partial.complete(2), RangeError);
    await partial.discard();
  });

  t.test('a piece that is written again is what was written last', async (t) => {
    const { store, reopen } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, Buffer.alloc(CONTRACT_PIECE_BYTES));
    await partial.write(0, content.bytes.subarray(0, 100));
    t.equal(await partial.has(0), false, 'begun again, it is not complete');
    await partial.write(0, content.bytes);
    await partial.complete(0);
    await partial.close();
    await store.close();
    const again = await reopen();
    const left = await mustOpenPartial(again, content);
    t.equal(await left.has(0), true);
    (await left.publish()).close();
    t.same(await readStored(again, content.digest), content.bytes);
  });

  t.test('pieces in any order of bytes', async (t) => {
    const { store, reopen } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES);
    const partial = await mustOpenPartial(store, content);
    await partial.write(1000, content.bytes.subarray(1000));
    await partial.write(0, content.bytes.subarray(0, 1000));
    await partial.complete(0);
    await partial.close();
    await store.close();
    const left = await mustOpenPartial(await reopen(), content);
    t.equal(await left.has(0), true);
    await left.discard();
  });

  t.test('what is discarded is gone, and what is closed is closed', async (t) => {
    const { store } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES * 2);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes);
    await partial.discard();
    t.match(store.usage, { partials: 0, partialBytes: 0, entries: 0 });
    await t.rejects(partial.write(0, Buffer.alloc(1)), { message: 'the partial blob is closed' });
    await t.rejects(partial.publish(), { message: 'the partial blob is closed' });
    const next = await mustOpenPartial(store, content);
    t.equal(await next.has(0), false);
    await next.discard();
  });

  t.test('a partial of another length is begun anew', async (t) => {
    const { store } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES * 2);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes);
    await partial.close();
    const other = await store.openPartial(content.digest, CONTRACT_PIECE_BYTES * 3, 'contoso');
    t.equal(await other?.has(0), false);
    t.equal(other?.length, CONTRACT_PIECE_BYTES * 3);
    await other?.discard();
  });

  t.test('the least recently used goes first, and nothing that is read', async (t) => {
    const { store } = await open(t);
    const quarter = CONTRACT_MAX_BYTES / 4;
    const contents = [1, 2, 3, 4].map(() => randomContent(quarter));
    const [read, used, unused, kept] = contents.map(({ digest }) => digest);
    if (read === undefined || used === undefined || unused === undefined || kept === undefined) return;
    for (const content of contents) await publishContent(store, content);
    const reader = await store.open(read);
    for (const content of contents.slice(1, 2)) t.ok(await readStored(store, content.digest));
    t.equal(await store.remove(read), 'in_use');
    // The reader's is oldest once these are used.
    t.ok(await readStored(store, kept));
    t.ok(await readStored(store, used));
    const next = randomContent(quarter);
    await publishContent(store, next);
    await store.collect();
    t.same(await digestsOf(store), [read, used, kept, next.digest].toSorted());
    await publishContent(store, randomContent(quarter));
    await store.collect();
    t.notOk((await digestsOf(store)).includes(kept));
    t.ok((await digestsOf(store)).includes(read), 'the oldest, but open');
    reader?.close();
    t.equal(await store.remove(read), 'removed');
    t.equal(await store.open(read), undefined);
    t.ok(store.usage.bytes <= CONTRACT_MAX_BYTES);
  });

  t.test('no more is promised than fits', async (t) => {
    const { store } = await open(t);
    const half = CONTRACT_MAX_BYTES / 2;
    t.equal(await store.openPartial(randomContent(1).digest, CONTRACT_MAX_BYTES + 1, 'contoso'), undefined);
    const first = await mustOpenPartial(store, randomContent(half));
    const second = await mustOpenPartial(store, randomContent(half));
    t.equal(await store.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
    await first.close();
    const third = await store.openPartial(randomContent(1).digest, half, 'contoso');
    t.ok(third, 'a place that became free is given again');
    await Promise.all([second.discard(), third?.discard()]);
  });

  t.test('a close in the middle of a publish comes after it', async (t) => {
    const { store, reopen } = await open(t);
    const content = randomContent(CONTRACT_PIECE_BYTES);
    const partial = await mustOpenPartial(store, content);
    await fillPieces(partial, content.bytes);
    const [blob] = await Promise.all([partial.publish(), partial.close(), store.close()]);
    const found = Buffer.alloc(content.bytes.length);
    t.equal(await blob.read(0, found), found.length);
    t.same(found, content.bytes);
    blob.close();
    t.same(await readStored(await reopen(), content.digest), content.bytes);
  });

  t.test('after close nothing is taken and nothing is found', async (t) => {
    const { store } = await open(t);
    const content = randomContent(10);
    await publishContent(store, content);
    const partial = await mustOpenPartial(store, randomContent(20));
    await store.close();
    await store.close();
    t.equal(await store.open(content.digest), undefined);
    t.equal(await store.openPartial(randomContent(1).digest, 1, 'contoso'), undefined);
    await t.rejects(partial.write(0, Buffer.alloc(1)), { message: 'the partial blob is closed' });
  });
}
