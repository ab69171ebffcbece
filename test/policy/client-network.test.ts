import t from 'tap';
import { clientNetwork } from '../../src/policy/client-network.ts';

t.test('the /24 of IPv4, the /64 of IPv6', async (t) => {
  t.equal(clientNetwork('192.0.2.77'), '192.0.2.0/24');
  t.equal(clientNetwork('::ffff:192.0.2.77'), '192.0.2.0/24');
  t.equal(clientNetwork('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.equal(clientNetwork('fe80::1%eth0'), 'fe80::/64');
  t.equal(clientNetwork(''), 'unknown');
  t.equal(clientNetwork('contoso'), 'unknown');
});
