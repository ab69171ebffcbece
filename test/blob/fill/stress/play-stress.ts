import assert from 'node:assert/strict';
import type { Test } from 'tap';
import type { BlobSource } from '../../../../src/blob/blob-source.ts';
import { createBlobSource } from '../../../../src/blob/create-blob-source.ts';
import { createFills } from '../../../../src/blob/fill/fills.ts';
import { openSpoolFile } from '../../../../src/blob/fill/spool-file.ts';
import type { OpenedBlob } from '../../../../src/blob/open-blob.ts';
import type { BlobStore } from '../../../../src/cache/blob-store.ts';
import { type BufferPool, createBufferPool } from '../../../../src/upstream/buffer-pool.ts';
import { createPools } from '../../../../src/upstream/pools.ts';
import { parseRawUrl } from '../../../../src/upstream/raw-url.ts';
import { createSlabSocket } from '../../../../src/upstream/slab-socket.ts';
import { testRegistry } from '../../../support/berth.ts';
import { type Content, randomContent } from '../../../support/contract/blob-store.ts';
import { openTestStore } from '../../../support/disk-store.ts';
import { realMemoryReads } from '../../../support/memory-reads.ts';
import { testDirectory } from '../../../support/test-directory.ts';
import { until } from '../fill-scene.ts';
import { type Chaos, startChaosOrigin } from './chaos-origin.ts';
import { createDice, type Dice } from './dice.ts';

/** Milliseconds: whatever has not ended by then never will. Not a measure of anything. */
const HANG_MS = 60_000;
const READERS = 50;
const KIB = 1024;

/** What happened to the readers of one run. */
export type StressTally = { whole: number; range: number; failed: number; left: number; streamed: number };

/**
 * Fifty readers of one blob, from two storage hosts that break in every way, over a real disk: each reader must end or fail,
 * with right bytes, and nothing may be left. @throws where that is not so
 */
export async function playStress(t: Test, seed: number): Promise<StressTally> {
  const dice = createDice(seed);
  const pieceBytes = dice.pick([64 * KIB, 512 * KIB, 3 * KIB * KIB]);
  const content = randomContent(1 + dice.below(4 * pieceBytes + 2 * KIB * KIB));
  const { store, metrics, directory } = await openTestStore(t, {
    maxBytes: 256 * KIB * KIB,
    pieceBytes,
    directory: `${testDirectory(t)}/seed-${seed}`,
  });
  const pool = createBufferPool(32 * KIB * KIB);
  const origins = await Promise.all(
    [0, 1].map(() => startChaosOrigin(content.bytes, rollChaos(dice), createDice(seed + 1))),
  );
  const pools = createPools(testRegistry({ upstream: { url: 'http://127.0.0.1:1' } }).upstream, {
    limits: { upstreamConnections: 64 },
    timeouts: { connectSeconds: 5, headersSeconds: 5, commitSeconds: 5, idleSeconds: 0.2 },
    openStorageSocket: createSlabSocket(pool),
  });
  const files = { open: 0 };
  const memoryReads = realMemoryReads(metrics);
  const fills = createFills({
    store: sluggish(store, dice),
    scope: 'contoso',
    pool,
    metrics,
    log: { warn() {}, error() {} },
    // A second and more of the real clock would be waited for, over and over.
    setTimer: (milliseconds, fire) => {
      const timer = setTimeout(fire, milliseconds / 100);
      return () => clearTimeout(timer);
    },
    async openFile(path) {
      const file = await openSpoolFile(path, memoryReads);
      files.open += 1;
      return {
        read: (...read) => file.read(...read),
        // Some from the page cache, the others by threads.
        now: dice.percent(50) ? file.now : undefined,
        close() {
          files.open -= 1;
          file.close();
        },
      };
    },
  });
  const sources = origins.map(({ origin }) => sourceAt(origin, { storage: pools.storage, pool, metrics }));
  const tally: StressTally = { whole: 0, range: 0, failed: 0, left: 0, streamed: 0 };
  const waiting = new Map<number, string>();

  async function live(index: number): Promise<void> {
    const own = createDice(seed * 1000 + index);
    waiting.set(index, 'is not there yet');
    await pauseFor(own.below(100));
    const from = own.below(content.bytes.length);
    const range = own.percent(40)
      ? {
          kind: 'int' as const,
          firstPos: from,
          lastPos: own.percent(30) ? undefined : from + own.below(content.bytes.length),
        }
      : undefined;
    const abort = new AbortController();
    if (own.percent(5)) void pauseFor(own.below(50)).then(() => abort.abort(new Error('gone')));
    waiting.set(index, `joins (${range === undefined ? 'whole' : `${range.firstPos}-${range.lastPos}`})`);
    const joined = await fills
      .join({
        digest: content.digest,
        source: own.pick(sources),
        range,
        knownLength: own.percent(80) ? content.bytes.length : undefined,
        signal: abort.signal,
      })
      .catch((error: unknown) => {
        assert.ok(error instanceof Error);
        return 'failed' as const;
      });
    if (joined === 'failed') tally.failed += 1;
    else if (joined === undefined) tally.streamed += 1;
    else {
      assert.equal(joined.kind, 'content');
      if (joined.kind === 'content') {
        tally[await take(joined, own, (where) => waiting.set(index, where))] += 1;
      }
    }
    waiting.delete(index);
  }

  async function take(
    blob: OpenedBlob,
    own: Dice,
    tell: (where: string) => void,
  ): Promise<'whole' | 'range' | 'failed' | 'left'> {
    const first = blob.range?.firstPos ?? 0;
    const leavesAt = own.percent(20) ? own.below(blob.length) : Number.POSITIVE_INFINITY;
    let count = 0;
    return new Promise((resolve, reject) => {
      blob.pipe({
        data(chunk, slab) {
          const right = content.bytes.subarray(first + count, first + count + chunk.length);
          if (!right.equals(chunk)) reject(new Error(`wrong bytes at ${first + count}`));
          count += chunk.length;
          tell(`has ${count} of ${blob.length} from ${first}`);
          if (own.percent(10)) {
            blob.pause();
            void pauseFor(own.below(20)).then(() => blob.resume());
          }
          pool.unpin(slab);
          if (count >= leavesAt) {
            blob.cancel();
            resolve('left');
          }
        },
        end() {
          tell('waits for the verdict');
          if (count !== blob.length) reject(new Error('it ended short'));
          const { verdict } = blob;
          if (blob.range !== undefined || verdict?.kind !== 'promised')
            resolve(blob.range ? 'range' : 'whole');
          else {
            verdict.matches().then(
              (matches) => (matches ? resolve('whole') : reject(new Error('the right one was called wrong'))),
              () => resolve('failed'),
            );
          }
        },
        failed: () => resolve('failed'),
      });
    });
  }

  const all = Promise.all(Array.from({ length: READERS }, (_, index) => live(index)));
  const hang = createHangAlarm(
    () => `seed ${seed}: ${[...waiting].map(([who, what]) => `reader ${who} ${what}`).join('; ')}`,
  );
  await Promise.race([all, hang.rang]);
  hang.stop();
  await until(() => fills.size === 0, `seed ${seed}: the fills end`);
  await until(() => files.open === 0, `seed ${seed}: the readers close their files`);
  await pools.close();
  await Promise.all(origins.map((origin) => origin.close()));
  await until(() => pool.bytes.lent === 0, `seed ${seed}: the buffers come back`);
  await checkStored(store, content);
  await store.close();
  assert.ok(directory.endsWith(`seed-${seed}`));
  return tally;
}

function rollChaos(dice: Dice): Chaos {
  const some = (most: number): number => (dice.percent(50) ? dice.below(most) : 0);
  return {
    cut: some(30),
    reset: some(20),
    stall: some(10),
    slow: some(60),
    status: some(15),
    wrongRange: some(5),
    ignoresRange: dice.percent(10) ? 100 : some(10),
  };
}

function sourceAt(
  origin: string,
  deps: {
    storage: ReturnType<typeof createPools>['storage'];
    pool: BufferPool;
    metrics: Parameters<typeof createBlobSource>[2]['metrics'];
  },
): BlobSource {
  const target = parseRawUrl(`${origin}/container/blob?sig=x`);
  if (target === undefined) throw new TypeError('a test URL is one');
  return createBlobSource(
    { kind: 'storage', url: `${origin}/container/blob?sig=x`, expiresAt: undefined } as never,
    undefined,
    {
      ...deps,
      upstream: {
        storage: deps.storage,
        origin,
        checkLocation: () => ({ kind: 'allowed', target, sameOrigin: false }) as never,
      },
      startTimeoutMs: 5000,
    },
  );
}

/** Writes that take some turns of the event loop, so that sources are ahead of the disk and have to wait. */
function sluggish(store: BlobStore, dice: Dice): Pick<BlobStore, 'open' | 'openPartial'> {
  const delay = dice.pick([0, 0, 3]);
  return {
    open: (digest) => store.open(digest),
    async openPartial(...wanted) {
      const partial = await store.openPartial(...wanted);
      if (partial === undefined || delay === 0) return partial;
      return new Proxy(partial, {
        get(target, name) {
          if (name !== 'write') return Reflect.get(target, name);
          return async (...write: Parameters<typeof partial.write>) => {
            await pauseFor(dice.below(delay));
            await target.write(...write);
          };
        },
      });
    },
  };
}

async function checkStored(store: BlobStore, { digest, bytes }: Content): Promise<void> {
  const stored = await store.open(digest);
  if (stored === undefined) return;
  const found = Buffer.alloc(bytes.length);
  for (let position = 0; position < bytes.length; ) {
    const read = await stored.read(position, found.subarray(position));
    assert.ok(read > 0);
    position += read;
  }
  assert.ok(found.equals(bytes), 'a wrong blob was published');
  stored.close();
}

function createHangAlarm(describe: () => string): { rang: Promise<never>; stop(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`hangs: ${describe()}`)), HANG_MS);
  return { rang: promise, stop: () => clearTimeout(timer) };
}

/** Turns of the event loop. */
async function pauseFor(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
}
