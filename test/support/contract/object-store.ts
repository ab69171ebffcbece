import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { type ObjectContent, type ObjectStore, PART_BYTES } from '../../../src/cache/objects/object-store.ts';
import { pseudoRandomBytes } from '../image.ts';

export function contentOfBytes(bytes: Buffer): ObjectContent {
  return {
    length: bytes.length,
    read(position, into) {
      bytes.copy(into, 0, position, position + into.length);
      return Promise.resolve();
    },
  };
}

const never = new AbortController().signal;

/** What every object store does. */
export async function objectStoreContract(t: Test, store: ObjectStore): Promise<void> {
  const name = (): string => `test/${randomUUID()}`;
  const read = async (of: string, firstPos: number, lastPos: number): Promise<Buffer> => {
    const part = await store.get(of, { firstPos, lastPos }, never);
    if (part === undefined) throw new Error('there is no such object');
    return buffer(part.body);
  };

  await t.test('what is not there is undefined, and can be removed', async (t) => {
    const none = name();
    t.equal(await store.length(none, never), undefined);
    t.equal(await store.get(none, { firstPos: 0, lastPos: 9 }, never), undefined);
    await store.remove(none, never);
  });

  await t.test('an object comes back, whole and in parts', async (t) => {
    const bytes = pseudoRandomBytes('object', 100_000);
    const one = name();
    t.equal(await store.put(one, contentOfBytes(bytes), never), 'stored');
    t.equal(await store.length(one, never), bytes.length);
    t.ok((await read(one, 0, bytes.length - 1)).equals(bytes));
    t.ok((await read(one, 5, 5)).equals(bytes.subarray(5, 6)));
    t.ok((await read(one, 99_990, 200_000)).equals(bytes.subarray(99_990)), 'no more than there is');
    const part = await store.get(one, { firstPos: 10, lastPos: 19 }, never);
    t.equal(part?.completeLength, bytes.length);
    part?.body.destroy();
    await store.remove(one, never);
    t.equal(await store.length(one, never), undefined);
  });

  await t.test('what ends before the part that is wanted is as if it were not there', async (t) => {
    for (const bytes of [Buffer.alloc(0), Buffer.from('short')]) {
      const one = name();
      t.equal(await store.put(one, contentOfBytes(bytes), never), 'stored');
      t.equal(await store.length(one, never), bytes.length);
      t.equal(await store.get(one, { firstPos: bytes.length, lastPos: 99 }, never), undefined);
    }
  });

  await t.test('one of several parts', async (t) => {
    const bytes = pseudoRandomBytes('parts', 2 * PART_BYTES + 12_345);
    const large = name();
    t.equal(await store.put(large, contentOfBytes(bytes), never), 'stored');
    t.equal(await store.length(large, never), bytes.length);
    t.ok(
      (await read(large, PART_BYTES - 10, PART_BYTES + 9)).equals(
        bytes.subarray(PART_BYTES - 10, PART_BYTES + 10),
      ),
    );
    t.ok((await read(large, 0, bytes.length - 1)).equals(bytes));
    await store.remove(large, never);
  });

  await t.test('the first one stays', async (t) => {
    const one = name();
    const first = Buffer.from('the first');
    t.equal(await store.put(one, contentOfBytes(first), never), 'stored');
    t.equal(await store.put(one, contentOfBytes(Buffer.from('another')), never), 'exists');
    t.ok((await read(one, 0, 99)).equals(first));
  });

  await t.test('an upload that can not be read to its end leaves nothing', async (t) => {
    for (const length of [1000, PART_BYTES + 1000]) {
      const half = name();
      const content: ObjectContent = {
        length,
        read: (position) =>
          position === 0 && length > PART_BYTES ? Promise.resolve() : Promise.reject(new Error('the disk')),
      };
      await t.rejects(store.put(half, content, never), { name: /./, code: 'content_unreadable' });
      t.equal(await store.length(half, never), undefined);
    }
  });

  await t.test('who has left gets nothing', async (t) => {
    const one = name();
    await t.rejects(store.put(one, contentOfBytes(Buffer.from('x')), AbortSignal.abort()));
    t.equal(await store.length(one, never), undefined);
  });
}
