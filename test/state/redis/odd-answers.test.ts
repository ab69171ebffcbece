import t from 'tap';
import { createRedisState } from '../../../src/state/redis/create-redis-state.ts';
import type { RedisConnection } from '../../../src/state/redis/redis-connection.ts';

/** A server that gives the same answer to everything. */
function answering(answer: unknown): RedisConnection {
  return {
    run: () => Promise.resolve(answer),
    runScript: () => Promise.resolve(answer),
    close: () => Promise.resolve(),
  };
}

const ODD = [null, 'OK', '', -1, 1.5, Number.NaN, true, [], [null], [[]], ['a', 1], { a: 1 }, [2], [3, 5]];
const turn = { queue: 'upstream', caller: 'one', requestsPerMinute: 1 };

t.test('M5 an answer that no Redis gives is as good as none, and throws nothing', async (t) => {
  for (const answer of ODD) {
    const state = createRedisState(answering(answer), 'test:');
    const text = JSON.stringify(answer);
    t.ok([undefined, 'taken'].includes((await state.takeTurn(turn))?.kind), `a turn: ${text}`);
    const look = await state.look('group', ['name']);
    t.ok(look === undefined || typeof look.epoch === 'string', `a look: ${text}`);
    const record = await state.read('record');
    t.ok(record === undefined || record instanceof Map, `a record: ${text}`);
    const lease = await state.acquire('lease', 1000);
    if (lease !== undefined && lease !== 'held') {
      t.ok(lease.token > 0, `a lease: ${text}`);
      await lease.renew();
      await lease.release();
    }
    await state.note('record', 'field', 'value', 1000);
    await state.keep('group', 'epoch', 'name', 'value', 1000);
    await state.pause('upstream', 'one', 1000);
    await state.forget('group');
  }
});

t.test(
  'M4 a clock that has gone back, or one that nobody has, makes nobody wait for longer than the window',
  async (t) => {
    for (const waitMs of [3_600_000, Number.POSITIVE_INFINITY]) {
      for (const kind of [1, 2]) {
        const state = createRedisState(answering([kind, waitMs]), 'test:');
        t.match(await state.takeTurn(turn), { waitMs: 60_000 });
      }
    }
    for (const waitMs of [Number.NaN, '5', 0, -5]) {
      t.equal(await createRedisState(answering([2, waitMs]), 'test:').takeTurn(turn), undefined);
    }
  },
);

t.test('what has ended is not kept: Redis would refuse it', async (t) => {
  const sent: unknown[] = [];
  const state = createRedisState(
    {
      ...answering(1),
      runScript(_operation, _script, _keys, args) {
        sent.push(args);
        return Promise.resolve(1);
      },
    },
    'test:',
  );
  for (const ttlMs of [0, -1, Number.NaN]) await state.keep('group', 'epoch', 'name', 'value', ttlMs);
  t.same(sent, []);
});
