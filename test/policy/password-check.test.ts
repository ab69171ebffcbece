import t from 'tap';
import { createPasswordCheck, FAILURE_WINDOW_MS, MAX_FAILURES } from '../../src/policy/password-check.ts';

const ALICE = '$2b$07$alice';

/** A check with a clock, a comparison that only looks (`right` fits alice's hash), and a file that can change. */
function setUp() {
  const world = {
    nowMs: 0,
    version: 1,
    compared: [] as string[],
    gate: Promise.resolve(),
    atOnce: 0,
    most: 0,
  };
  const check = createPasswordCheck(
    {
      current: async () => ({
        version: world.version,
        htpasswd: { hashes: new Map([['alice', ALICE]]), cost: 7 },
      }),
    },
    {
      now: () => world.nowMs,
      comparePassword: async (password: string, hash: string) => {
        world.compared.push(hash);
        world.atOnce += 1;
        world.most = Math.max(world.most, world.atOnce);
        await world.gate;
        world.atOnce -= 1;
        return password === 'right';
      },
    },
  );
  const ask = (user: string, password: string, address = '192.0.2.1') =>
    check.check({ user, password }, address);
  return { world, ask };
}

t.test('right, wrong and unknown', async (t) => {
  const { world, ask } = setUp();
  t.equal(await ask('alice', 'right'), 'right');
  t.equal(await ask('alice', 'wrong'), 'wrong');
  t.equal(await ask('mallory', 'right'), 'wrong', 'a match with the decoy counts for nothing');
  t.same(
    world.compared,
    [ALICE, ALICE, `$2b$07$${'.'.repeat(53)}`],
    'an unknown user costs a comparison of the same cost',
  );
});

t.test('results are remembered for a minute, and until the file changes', async (t) => {
  const { world, ask } = setUp();
  for (let count = 0; count < 5; count += 1) {
    t.equal(await ask('alice', 'right'), 'right');
    t.equal(await ask('alice', 'wrong'), 'wrong');
  }
  t.equal(world.compared.length, 2);
  world.nowMs = 60_000;
  await ask('alice', 'right');
  t.equal(world.compared.length, 3, 'after a minute');
  world.version = 2;
  await ask('alice', 'right');
  t.equal(world.compared.length, 4, 'after a change');
});

t.test('equal questions are asked once, different ones one after the other', async (t) => {
  const { world, ask } = setUp();
  const same = await Promise.all(Array.from({ length: 50 }, () => ask('alice', 'right')));
  t.same(new Set(same), new Set(['right']));
  t.equal(world.compared.length, 1);
  await Promise.all(['a', 'b', 'c', 'd'].map((password) => ask('alice', password)));
  t.equal(world.compared.length, 5);
  t.equal(world.most, 1);
});

t.test('few may wait', async (t) => {
  const { world, ask } = setUp();
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  const asked = Array.from({ length: 40 }, (_, index) => ask('alice', `p${index}`, `192.0.2.${index}`));
  const throttled = await Promise.all(asked.slice(32));
  t.same(new Set(throttled), new Set(['throttled']), 'those beyond 32 do not wait');
  gate.resolve();
  t.same(new Set(await Promise.all(asked.slice(0, 32))), new Set(['wrong']));
});

t.test('an address that fails often waits, others do not', async (t) => {
  const { world, ask } = setUp();
  for (let count = 0; count < MAX_FAILURES; count += 1) t.equal(await ask('alice', `p${count}`), 'wrong');
  t.equal(await ask('alice', 'right'), 'throttled', 'even with the right password, else guessing goes on');
  t.equal(await ask('alice', 'p0'), 'wrong', 'what is known already costs nothing');
  t.equal(world.compared.length, MAX_FAILURES);
  t.equal(await ask('alice', 'right', '192.0.2.2'), 'right', 'from elsewhere');
  t.equal(await ask('alice', 'right'), 'right', 'and once it is known to be right, from here, too');
  world.nowMs = FAILURE_WINDOW_MS;
  t.equal(await ask('alice', 'right'), 'right');
  t.equal(await ask('alice', 'px'), 'wrong');
});

t.test('an IPv6 host can not change its address within its network', async (t) => {
  const { ask } = setUp();
  for (let count = 0; count < MAX_FAILURES; count += 1)
    await ask('alice', `p${count}`, `2001:db8:0:1::${count}`);
  t.equal(await ask('alice', 'right', '2001:db8:0:1:ffff::1'), 'throttled');
  t.equal(await ask('alice', 'right', '2001:db8:0:2::1'), 'right');
});

t.test('a comparison that fails is an error of that question alone', async (t) => {
  let fail = true;
  const check = createPasswordCheck(
    { current: async () => ({ version: 1, htpasswd: { hashes: new Map([['alice', ALICE]]), cost: 7 } }) },
    {
      comparePassword: async () => {
        if (fail) throw new Error('broken');
        return true;
      },
    },
  );
  await t.rejects(check.check({ user: 'alice', password: 'x' }, '192.0.2.1'), { message: 'broken' });
  fail = false;
  t.equal(await check.check({ user: 'alice', password: 'x' }, '192.0.2.1'), 'right');
});
