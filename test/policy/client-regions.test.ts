import t from 'tap';
import { createClientRegions } from '../../src/policy/client-regions.ts';

t.test('the longest prefix that holds the address', async (t) => {
  const regionOf = createClientRegions([
    { name: 'east', clients: ['10.0.0.0/8', '2001:db8::/32'] },
    { name: 'west', clients: ['10.1.0.0/16', '2001:db8:1::/48', '192.0.2.7'] },
    { name: 'none', clients: [] },
  ]);
  t.equal(regionOf('10.2.3.4'), 'east');
  t.equal(regionOf('10.1.3.4'), 'west');
  t.equal(regionOf('::ffff:10.1.3.4'), 'west', 'IPv4-mapped');
  t.equal(regionOf('2001:db8:2::1'), 'east');
  t.equal(regionOf('2001:db8:1::1'), 'west');
  t.equal(regionOf('192.0.2.7'), 'west');
  t.equal(regionOf('192.0.2.8'), undefined);
  t.equal(regionOf('no address'), undefined);
  t.equal(createClientRegions([])('10.0.0.1'), undefined);
});
