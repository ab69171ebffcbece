import t, { type Test } from 'tap';
import { createSharedBlobs } from '../../../src/blob/shared/share-blobs.ts';
import { SYSTEM_CLOCK } from '../../../src/blob/shared/shared-clock.ts';
import type { PartialBlob } from '../../../src/cache/blob-store.ts';
import { createMemoryStore } from '../../../src/cache/objects/create-memory-store.ts';
import { guardStore } from '../../../src/cache/objects/guard-store.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { createProcessState } from '../../../src/state/create-process-state.ts';
import { createStateSeal } from '../../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../../src/ticket/ticket-keys.ts';
import { contentOf } from '../../support/contract/blob-store.ts';

const PIECE = 1000;

/** `clock.ahead`: milliseconds that its clock is before the system's. */
function openShared(t: Test) {
  const clock = { ahead: 0 };
  const now = (): number => SYSTEM_CLOCK.now() + clock.ahead;
  const metrics = createMetrics();
  const log = { info: () => undefined, warn: () => undefined };
  const keys = generateTicketKeys();
  const shared = createSharedBlobs({
    objects: guardStore(createMemoryStore(), { metrics, log, now }),
    state: { ...createProcessState(), kind: 'redis' },
    seal: createStateSeal(() => keys),
    store: {
      open: () => Promise.resolve(undefined),
      openPartial: (digest, length) => Promise.resolve(partialOf(digest, length)),
    },
    pieceBytes: PIECE,
    metrics,
    clock: { ...SYSTEM_CLOCK, now },
    log,
  });
  t.teardown(() => shared.close());
  const store = shared.storeFor('contoso');
  let count = 0;
  const open = async (): Promise<PartialBlob> => {
    const { digest } = contentOf(Buffer.from(`blob ${(count += 1)}`));
    const partial = await store.openPartial(digest, PIECE, 'contoso');
    if (partial === undefined) throw new Error('there is one');
    return partial;
  };
  return { shared, clock, open };
}

function partialOf(digest: Digest, length: number): PartialBlob {
  return {
    digest,
    length,
    pieceBytes: PIECE,
    pieceCount: 1,
    path: '/nowhere',
    has: () => Promise.resolve(false),
    write: () => Promise.resolve(),
    complete: () => Promise.resolve(),
    read: () => Promise.resolve(0),
    publish: () => Promise.reject(new Error('not here')),
    discard: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

t.test('a blob that nobody is at any more is forgotten', async (t) => {
  const { shared, clock, open } = openShared(t);
  for (let number = 0; number < 500; number += 1) {
    await (await open()).close();
    clock.ahead += 1000;
  }
  t.ok(shared.size <= 20, `${shared.size} of 500 blobs are known, one of each second`);
});

t.test('one that is being filled is not, however long that takes, and keeps no other', async (t) => {
  const { shared, clock, open } = openShared(t);
  const filled: PartialBlob[] = [];
  for (let number = 0; number < 10; number += 1) filled.push(await open());
  for (let number = 0; number < 500; number += 1) {
    clock.ahead += 1000;
    await (await open()).close();
  }
  clock.ahead += 3_600_000;
  for (let number = 0; number < 80; number += 1) await (await open()).close();
  t.equal(shared.size, 90, 'the ten, and the last eighty');
  for (const partial of filled) await partial.close();
  clock.ahead += 3_600_000;
  for (let number = 0; number < 80; number += 1) await (await open()).close();
  t.equal(shared.size, 80);
});
