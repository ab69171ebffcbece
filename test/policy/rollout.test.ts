import t from 'tap';
import { createRollout } from '../../src/policy/rollout.ts';

const ADDRESSES = Array.from({ length: 4000 }, (_, index) => `10.${index >> 8}.${index & 255}.9`);

t.test('everybody, nobody, and the clients that are named', async (t) => {
  const everybody = createRollout({ clients: [], percent: 100 });
  t.ok(ADDRESSES.every((address) => everybody(address)));
  t.ok(everybody(''), 'even a client without an address');
  const nobody = createRollout({ clients: [], percent: 0 });
  t.notOk(ADDRESSES.some((address) => nobody(address)));
  const named = createRollout({ clients: ['10.3.0.0/16', '2001:db8::/48'], percent: 0 });
  t.ok(named('10.3.255.1'));
  t.ok(named('::ffff:10.3.0.1'));
  t.ok(named('2001:db8:0:ffff::1'));
  t.notOk(named('10.4.0.1'));
  t.notOk(named(''));
});

t.test(
  'a share of the addresses, the same each time, and a higher share keeps those that were in',
  async (t) => {
    const shares = [1, 10, 50, 99].map((percent) => ({
      percent,
      decide: createRollout({ clients: [], percent }),
    }));
    for (const { percent, decide } of shares) {
      const taken = ADDRESSES.filter((address) => decide(address));
      t.ok(Math.abs((taken.length / ADDRESSES.length) * 100 - percent) < 3, `${percent}: ${taken.length}`);
      t.strictSame(taken, ADDRESSES.filter(createRollout({ clients: [], percent })));
      for (const higher of shares.filter((other) => other.percent > percent)) {
        t.ok(
          taken.every((address) => higher.decide(address)),
          `${percent} within ${higher.percent}`,
        );
      }
    }
  },
);

t.test('of IPv6 the /64 counts, of a mapped address IPv4', async (t) => {
  const decide = createRollout({ clients: [], percent: 50 });
  for (let site = 0; site < 100; site += 1) {
    const prefix = `2001:db8:0:${site.toString(16)}`;
    t.equal(decide(`${prefix}::1`), decide(`${prefix}:aaaa:bbbb:cccc:dddd`), prefix);
  }
  const sites = Array.from({ length: 100 }, (_, site) => decide(`2001:db8:0:${site.toString(16)}::1`));
  t.ok(sites.includes(true) && sites.includes(false), 'other networks are decided by themselves');
  for (const address of ADDRESSES.slice(0, 50)) t.equal(decide(`::ffff:${address}`), decide(address));
});

t.test('the order is fixed: another release must not move clients about', async (t) => {
  const decide = createRollout({ clients: [], percent: 50 });
  const text = ADDRESSES.slice(0, 16)
    .map((address) => (decide(address) ? '1' : '0'))
    .join('');
  t.equal(text, '0110001101001100');
});
