import { randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { openSharedState } from '../../../src/state/open-shared-state.ts';
import type { SharedState } from '../../../src/state/shared-state.ts';
import { createTestAuthority } from '../../support/ca.ts';
import { sharedStateContract } from '../../support/contract/shared-state.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { listen } from '../../support/server.ts';
import { until } from '../../support/until.ts';

type Opened = {
  readonly state: SharedState;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly log: { readonly message: string; readonly reason: unknown }[];
};

function open(
  t: Test,
  redis: TestRedis,
  options: { keyPrefix?: string; passwordFile?: string | null; caFile?: string } = {},
): Opened {
  const metrics = createMetrics();
  const log: Opened['log'] = [];
  const note = (facts: object, message: string): void =>
    void log.push({ message, reason: 'reason' in facts ? facts.reason : undefined });
  const state = openSharedState(
    {
      url: redis.url,
      passwordFile: options.passwordFile ?? redis.passwordFile,
      caFile: options.caFile ?? null,
      keyPrefix: options.keyPrefix ?? 'test:',
      timeoutMilliseconds: 250,
    },
    { metrics, log: { info: note, warn: note } },
  );
  t.teardown(() => state.close());
  return { state, metrics, log };
}

const isThere = async ({ metrics }: Opened): Promise<boolean> =>
  (await metrics.stateAvailable.value({})) === 1;

await t.test('contract', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  await sharedStateContract(t, async (t) => {
    const keyPrefix = `${randomUUID()}:`;
    const one = open(t, redis, { keyPrefix });
    const two = open(t, redis, { keyPrefix });
    await until(async () => (await isThere(one)) && isThere(two), 'both are connected');
    // Redis's own clock: there is no other to turn.
    return { state: one.state, other: two.state, pass: (milliseconds) => sleep(milliseconds + 20) };
  });
});

await t.test('a Redis that hangs costs one deadline, and comes back by itself', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const opened = open(t, redis);
  const { state, metrics, log } = opened;
  await until(() => isThere(opened), 'it is connected');
  redis.hang();
  t.equal(await state.look('group', []), undefined);
  t.equal(await metrics.stateOperations.value({ operation: 'look', result: 'timeout' }), 1);
  const answers = await Promise.all(Array.from({ length: 100 }, () => state.look('group', [])));
  t.ok(answers.every((answer) => answer === undefined));
  t.equal(await metrics.stateOperations.value({ operation: 'look', result: 'timeout' }), 1, 'no second wait');
  t.equal(await metrics.stateOperations.value({ operation: 'look', result: 'unavailable' }), 100);
  t.equal(await state.acquire('lease', 1000), undefined, 'nobody becomes owner by it');
  t.equal(await state.forget('group'), false);
  t.equal(await state.takeTurn({ queue: 'q', caller: undefined, requestsPerMinute: 1 }), undefined);
  redis.goOn();
  await until(() => isThere(opened), 'it is connected again');
  t.ok((await state.look('group', [])) !== undefined);
  t.equal(log.filter(({ message }) => message.includes('can not be reached')).length, 1, 'said once');
});

await t.test('a process that stood still takes the answer that came meanwhile', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const opened = open(t, redis);
  const { state, metrics } = opened;
  await until(() => isThere(opened), 'it is connected');
  await state.look('group', []);
  const asked = state.look('group', []);
  // Of the event loop; the deadline is 250 ms.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  t.ok(await asked);
  t.equal(await metrics.stateOperations.value({ operation: 'look', result: 'timeout' }), 0);
  t.equal(await isThere(opened), true);
});

await t.test('a Redis that is killed and comes back empty has lost decisions, and given none', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const opened = open(t, redis);
  const { state } = opened;
  await until(() => isThere(opened), 'it is connected');
  const before = await state.look('group', []);
  await state.keep('group', before?.epoch ?? '', 'name', 'value', 60_000);
  await redis.kill();
  await until(async () => !(await isThere(opened)), 'it is gone');
  t.equal(await state.look('group', ['name']), undefined);
  await redis.restart();
  await until(() => isThere(opened), 'it is connected again');
  const after = await state.look('group', ['name']);
  t.not(after?.epoch, before?.epoch, 'what was known in the epoch before counts no more');
  t.strictSame(after?.found, [undefined]);
});

await t.test('flushed in mid-run: as if nothing had been known', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const opened = open(t, redis);
  const { state } = opened;
  await until(() => isThere(opened), 'it is connected');
  const before = await state.look('group', []);
  await state.keep('group', before?.epoch ?? '', 'name', 'value', 60_000);
  const lease = await state.acquire('lease', 60_000);
  await redis.command('FLUSHALL');
  await redis.command('SCRIPT', 'FLUSH');
  const after = await state.look('group', ['name']);
  t.not(after?.epoch, before?.epoch);
  t.strictSame(after?.found, [undefined]);
  if (lease === undefined || lease === 'held') throw new Error('nobody had it');
  t.equal(await lease.renew(), false, 'who had it is told');
});

await t.test(
  'M5 a failover that keeps the connection to what is a replica now: it is made anew',
  async (t) => {
    const [first, second] = [await startRedis(), await startRedis()];
    t.teardown(() => Promise.all([first.close(), second.close()]));
    // As the name of a managed Redis: it leads to whichever is the primary.
    let primary = first;
    const name = createServer((socket) => {
      const onward = connect(primary.port, '127.0.0.1');
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on('error', () => undefined);
    });
    const port = await listen(name);
    t.teardown(() => name.close());
    const opened = open(t, { ...first, url: `redis://127.0.0.1:${port}` });
    const { state, log } = opened;
    await until(() => isThere(opened), 'it is connected');
    t.ok(await state.look('group', []));
    await first.command('REPLICAOF', '127.0.0.1', String(second.port));
    t.equal(await state.look('other', []), undefined, 'it can not be written to');
    primary = second;
    await until(async () => {
      // What can be read there says nothing of what can be written.
      await state.read('record');
      return (await state.look('other', [])) !== undefined;
    }, 'the new primary is asked');
    t.equal(await state.forget('other'), true);
    t.equal(log.filter(({ message }) => message.includes('can not be reached')).length, 1, 'said once');
  },
);

await t.test('a full Redis: nothing is kept, and what is written is forgotten all the same', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const opened = open(t, redis);
  const { state, metrics, log } = opened;
  await until(() => isThere(opened), 'it is connected');
  const before = await state.look('group', []);
  await redis.command('CONFIG', 'SET', 'maxmemory', '1');
  t.equal(await state.look('new group', []), undefined, 'each instance by itself');
  t.equal((await state.look('group', []))?.epoch, before?.epoch, 'what is there can still be read');
  t.equal(await state.acquire('lease', 1000), undefined);
  t.equal(await state.forget('group'), true);
  t.equal(await isThere(opened), true, 'it is no outage');
  t.ok((await metrics.stateOperations.value({ operation: 'look', result: 'failed' })) > 0);
  t.equal(log.filter(({ message }) => message.includes('refuses')).length, 1, 'said once');
  await redis.command('CONFIG', 'SET', 'maxmemory', '0');
  t.not((await state.look('group', []))?.epoch, before?.epoch);
});

await t.test(
  'passwords: the right one, a wrong one that is put right, and none of them in the log',
  async (t) => {
    const redis = await startRedis({ password: 'correct horse' });
    const other = await startRedis({ password: 'battery staple' });
    t.teardown(() => Promise.all([redis.close(), other.close()]));
    const right = open(t, redis);
    await until(() => isThere(right), 'it is connected');
    const wrong = open(t, redis, { passwordFile: other.passwordFile });
    await until(() => wrong.log.length > 0, 'it was said');
    t.match(wrong.log[0]?.reason, /WRONGPASS/);
    t.equal(await wrong.state.look('group', []), undefined);
    t.notMatch(JSON.stringify([right.log, wrong.log]), /horse|staple/);
  },
);

await t.test('of many replicas that want a lease at once one gets it', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const all = Array.from({ length: 5 }, () => open(t, redis));
  for (const each of all) await until(() => isThere(each), 'it is connected');
  let largest = 0;
  for (let round = 0; round < 50; round += 1) {
    const leases = await Promise.all(all.map(({ state }) => state.acquire('one', 60_000)));
    const owners = leases.filter((lease) => lease !== 'held');
    const owner = owners[0];
    if (owners.length !== 1 || owner === undefined)
      throw new Error(`${owners.length} owners in round ${round}`);
    if (owner.token <= largest) throw new Error('tokens grow');
    largest = owner.token;
    await owner.release();
  }
  t.pass();
});

await t.test('TLS by an authority of its own, as a user of its own; a stranger is refused', async (t) => {
  const authority = await createTestAuthority();
  const stranger = await createTestAuthority();
  const { certFile, keyFile } = await authority.issue(['127.0.0.1']);
  const tls = { certFile, keyFile, caFile: authority.caFile };
  const redis = await startRedis({ tls, user: 'berth', password: 'correct horse' });
  t.teardown(() => Promise.all([redis.close(), authority.remove(), stranger.remove()]));
  const opened = open(t, redis, { caFile: authority.caFile });
  await until(() => isThere(opened), 'it is connected');
  t.ok((await opened.state.look('group', [])) !== undefined);
  for (const caFile of [stranger.caFile, undefined]) {
    const wrong = open(t, redis, caFile === undefined ? {} : { caFile });
    await until(() => wrong.log.length > 0, 'it was said');
    t.match(wrong.log[0]?.reason, /certificate|self.signed|issuer/i);
    t.equal(await isThere(wrong), false);
  }
});
