import * as fc from 'fast-check';
import t from 'tap';
import { canonicalIpv6, embeddedIpv4, formatIpv6, parseIpv6 } from '../../src/http/ipv6.ts';

t.test('one spelling for each address', async (t) => {
  const rows: [string, string | undefined][] = [
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:0:8', '1:2:3:4:5:6:0:8'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['192.0.2.1', undefined],
    ['fe80::1%eth0', undefined],
    ['[::1]', undefined],
    ['::1]/x', undefined],
    ['1:2:3', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of rows) {
    t.equal(canonicalIpv6(text), expected, text);
    t.equal(parseIpv6(text) === undefined, expected === undefined, text);
  }
});

t.test('groups and back', async (t) => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(groups, (expected) => {
      const text = formatIpv6(expected);
      return canonicalIpv6(text) === text && parseIpv6(text)?.join() === expected.join();
    }),
  );
  t.equal(embeddedIpv4(parseIpv6('64:ff9b::192.0.2.33') ?? []), '192.0.2.33');
  t.equal(embeddedIpv4([0xffff, 0x0001]), '255.255.0.1');
});
