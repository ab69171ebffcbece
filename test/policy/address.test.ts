import * as fc from 'fast-check';
import t from 'tap';
import { addressFamily, parseAddress } from '../../src/policy/address.ts';

t.test('one spelling for each address', (t) => {
  const rows: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['127.1', undefined],
    ['0127.0.0.1', undefined],
    ['2130706433', undefined],
    ['[::1]', undefined],
    ['192.0.2.1:80', undefined],
    ['localhost', undefined],
    [' 192.0.2.1', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of rows) t.equal(parseAddress(text), expected, text);
  t.end();
});

t.test('parsing its own result changes nothing', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text);
      return address !== undefined && parseAddress(address) === address;
    }),
  );
  t.equal(addressFamily('192.0.2.1'), 'ipv4');
  t.equal(addressFamily('::1'), 'ipv6');
  t.end();
});
