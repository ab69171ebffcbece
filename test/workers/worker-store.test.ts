import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DISK } from '../../src/cache/store-fs.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { createWorkerStore } from '../../src/workers/worker-store.ts';
import { digestOf } from '../support/image.ts';
import { until } from '../support/until.ts';

const BYTES = Buffer.from('a blob of some bytes');

function openStore(t: Test, facts: { bytes?: Buffer; length?: number; isThere?: boolean } = {}) {
  const bytes = facts.bytes ?? BYTES;
  const path = join(t.testdir({}), 'blob');
  writeFileSync(path, bytes);
  const parsed = parseDigest(digestOf(BYTES));
  if (parsed.kind !== 'ok') throw new Error('no digest');
  const said: [string, unknown][] = [];
  let asked = 0;
  let time = 0;
  const link = {
    call: async (): Promise<never> => {
      asked += 1;
      const answer =
        facts.isThere === false ? undefined : { pin: asked, path, length: facts.length ?? bytes.length };
      // Whatever the name: this is the one question that a store has.
      return answer as never;
    },
    note: (name: string, what: unknown) => void said.push([name, what]),
  };
  const store = createWorkerStore({ link, fs: DISK, now: () => time });
  t.teardown(() => store.close());
  return {
    store,
    digest: parsed.digest,
    said,
    asked: (): number => asked,
    pass: (milliseconds: number): void => {
      time += milliseconds;
    },
  };
}

async function readAll(blob: { length: number; read(position: number, into: Uint8Array): Promise<number> }) {
  const buffer = Buffer.alloc(blob.length);
  return buffer.subarray(0, await blob.read(0, buffer));
}

t.test('a hot blob is asked for once, and its pin ends when nobody has read it for a while', async (t) => {
  const { store, digest, said, asked, pass } = openStore(t);
  const blobs = await Promise.all([store.open(digest), store.open(digest)]);
  for (const blob of blobs) t.ok(blob !== undefined && BYTES.equals(await readAll(blob)));
  for (const blob of blobs) blob?.close();
  (await store.open(digest))?.close();
  t.equal(asked(), 1);
  pass(2000);
  await until(() => said.length > 0, 'it is let go');
  t.same(said, [['unpin', 1]]);
  (await store.open(digest))?.close();
  t.equal(asked(), 2);
});

t.test(
  'a blob that is read for long is asked for again by the next, and stays open for its reader',
  async (t) => {
    const { store, digest, said, asked, pass } = openStore(t);
    const first = await store.open(digest);
    pass(60_000);
    const second = await store.open(digest);
    t.equal(asked(), 2);
    t.same(said, [], 'both are read');
    t.ok(first !== undefined && BYTES.equals(await readAll(first)));
    first?.close();
    await until(() => said.length > 0, 'the first is let go');
    t.same(said, [['unpin', 1]]);
    second?.close();
  },
);

t.test('what is removed is found by nobody new', async (t) => {
  const { store, digest, said, asked } = openStore(t);
  const reading = await store.open(digest);
  store.removed(digest);
  (await store.open(digest))?.close();
  t.equal(asked(), 2);
  t.ok(reading !== undefined && BYTES.equals(await readAll(reading)), 'who reads it reads on');
  reading?.close();
  await until(() => said.some(([, pin]) => pin === 1), 'and lets go');
});

t.test('a file that was cut is told of, and not found here again', async (t) => {
  const { store, digest, said, asked } = openStore(t, { length: BYTES.length + 1 });
  const blob = await store.open(digest);
  if (blob === undefined) throw new Error('it is there');
  t.equal((await readAll(blob)).length, BYTES.length);
  t.same(said, [['damaged', digest]]);
  blob.close();
  (await store.open(digest))?.close();
  t.equal(asked(), 2);
});

t.test('one that is not there is asked for each time', async (t) => {
  const { store, digest, asked } = openStore(t, { isThere: false });
  t.equal(await store.open(digest), undefined);
  t.equal(await store.open(digest), undefined);
  t.equal(asked(), 2);
});
