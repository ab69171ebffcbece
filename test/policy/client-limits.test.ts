import t from 'tap';
import { createClientLimits } from '../../src/policy/client-limits.ts';

const NONE = { connectionsPerClient: null, requestsPerClient: null, transfersPerClient: null };

t.test('what is under way, by client; what ends makes room once', async (t) => {
  const limits = createClientLimits({ ...NONE, connectionsPerClient: 2, transfersPerClient: 1 }, () => 0);
  const first = limits.beginConnection('192.0.2.1');
  t.type(first, 'function');
  t.type(limits.beginConnection('::ffff:192.0.2.1'), 'function', 'the same address');
  t.equal(limits.beginConnection('192.0.2.1'), undefined);
  t.type(limits.beginConnection('192.0.2.2'), 'function');
  t.type(limits.beginTransfer('192.0.2.1'), 'function', 'counted apart');
  first?.();
  first?.();
  t.type(limits.beginConnection('192.0.2.1'), 'function');
  t.equal(limits.beginConnection('192.0.2.1'), undefined, 'ending twice made room for one');
});

t.test('of IPv6 a /64 is one client, of IPv4 an address', async (t) => {
  const limits = createClientLimits({ ...NONE, transfersPerClient: 1 }, () => 0);
  t.type(limits.beginTransfer('2001:db8::1'), 'function');
  t.equal(limits.beginTransfer('2001:db8::2'), undefined);
  t.type(limits.beginTransfer('2001:db8:0:1::1'), 'function');
  t.type(limits.beginTransfer('192.0.2.1'), 'function');
  t.type(limits.beginTransfer('192.0.2.2'), 'function');
  t.type(limits.beginTransfer(''), 'function');
  t.equal(limits.beginTransfer('nonsense'), undefined, 'what is no address is one client');
});

t.test('seconds to wait are rounded up; other limits take what is under way along', async (t) => {
  let now = 0;
  const limits = createClientLimits({ ...NONE, requestsPerClient: { perSecond: 1, burst: 1 } }, () => now);
  t.same([limits.takeRequest('192.0.2.1'), limits.takeRequest('192.0.2.1')], [0, 1]);
  limits.beginTransfer('192.0.2.1');
  limits.configure({ ...NONE, requestsPerClient: { perSecond: 1, burst: 1 }, transfersPerClient: 1 });
  t.equal(limits.takeRequest('192.0.2.1'), 1, 'the same rate goes on');
  t.equal(limits.beginTransfer('192.0.2.1'), undefined);
  limits.configure(NONE);
  t.equal(limits.takeRequest('192.0.2.1'), 0);
  now += 1;
  t.type(limits.beginTransfer('192.0.2.1'), 'function');
});
