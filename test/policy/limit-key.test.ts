import t from 'tap';
import { limitKey } from '../../src/policy/limit-key.ts';

t.test('an address of IPv4, a /64 of IPv6, and one for what is neither', async (t) => {
  t.equal(limitKey('192.0.2.1'), '192.0.2.1');
  t.equal(limitKey('2001:db8::1'), limitKey('2001:db8::ffff:1'));
  t.not(limitKey('2001:db8::1'), limitKey('2001:db8:0:1::1'));
  t.equal(limitKey(''), limitKey('nonsense'));
});
