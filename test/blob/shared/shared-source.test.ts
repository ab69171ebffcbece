import t from 'tap';
import { createSharedSource } from '../../../src/blob/shared/shared-source.ts';
import { createBufferPool } from '../../../src/upstream/buffer-pool.ts';
import { createMemorySource } from '../../support/memory-source.ts';

t.test('X9 a renewal says whether the host has failed, so that another region is asked first', async (t) => {
  const pool = createBufferPool(1024 * 1024);
  const bytes = Buffer.from('blob');
  const told: (boolean | undefined)[] = [];
  const fresh = createMemorySource(bytes, { pool, origin: 'https://two.test' });
  const own = createMemorySource(bytes, {
    pool,
    renew(_signal, hasFailed) {
      told.push(hasFailed);
      return Promise.resolve(fresh);
    },
  });
  const shared = createSharedSource(own, {
    origin: 'https://store.test',
    isUsable: () => true,
    find: () => Promise.resolve({ kind: 'own' }),
  });
  const { signal } = new AbortController();
  t.equal((await shared.renew?.(signal, true))?.origin, 'https://two.test');
  await shared.renew?.(signal, false);
  t.strictSame(told, [true, false]);
});
