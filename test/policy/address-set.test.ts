import * as fc from 'fast-check';
import t from 'tap';
import { createAddressSet, formatCidr, parseCidr } from '../../src/policy/address-set.ts';

t.test('networks are read, host bits cleared, mapped ones made IPv4', (t) => {
  const rows: [string, string | undefined][] = [
    ['192.0.2.0/24', '192.0.2.0/24'],
    ['192.0.2.77/24', '192.0.2.0/24'],
    ['255.255.255.255/0', '0.0.0.0/0'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['10.1.2.3/31', '10.1.2.2/31'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:DB8:ffff::1/33', '2001:db8:8000::/33'],
    ['::/0', '::/0'],
    ['fe80::1/10', 'fe80::/10'],
    ['1:2:3:4:5:6:7:8/127', '1:2:3:4:5:6:7:8/127'],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
    ['::ffff:10.1.2.3', '10.1.2.3/32'],
    ['::ffff:0:0/96', '0.0.0.0/0'],
    ['::ffff:0:0/95', '::fffe:0:0/95'],
    ['64:ff9b::192.0.2.1/96', '64:ff9b::/96'],
    ['192.0.2.0/33', undefined],
    ['2001:db8::/129', undefined],
    ['192.0.2.0/', undefined],
    ['192.0.2.0/08', undefined],
    ['192.0.2.0/+8', undefined],
    ['192.0.2.0/24/24', undefined],
    ['192.0.2/24', undefined],
    ['fe80::1%eth0/64', undefined],
    ['registry.example/24', undefined],
    ['*', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of rows) {
    const cidr = parseCidr(text);
    t.equal(cidr && formatCidr(cidr), expected, text);
  }
  t.end();
});

t.test('normal form stays, and a network has its own address', (t) => {
  const v4 = fc.tuple(fc.ipV4(), fc.nat({ max: 32 }));
  const v6 = fc.tuple(fc.ipV6(), fc.nat({ max: 128 }));
  fc.assert(
    fc.property(fc.oneof(v4, v6), ([address, prefix]) => {
      const cidr = parseCidr(`${address}/${prefix}`);
      if (cidr === undefined) return false;
      const text = formatCidr(cidr);
      const again = parseCidr(text);
      return again !== undefined && formatCidr(again) === text && createAddressSet([text]).has(cidr.address);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('membership agrees with arithmetic on IPv4', (t) => {
  const number = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV4(), fc.nat({ max: 32 }), (network, address, prefix) => {
      const size = 2 ** (32 - prefix);
      const expected = Math.floor(number(network) / size) === Math.floor(number(address) / size);
      const set = createAddressSet([`${network}/${prefix}`]);
      return set.has(address) === expected && set.has(`::ffff:${address}`) === expected;
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('what is in a set', (t) => {
  const set = createAddressSet(['10.0.0.0/8', '2001:db8::/32', '::ffff:192.0.2.0/120']);
  for (const address of ['10.255.0.1', '::ffff:10.0.0.1', '2001:db8:1::1', '192.0.2.9'])
    t.ok(set.has(address), address);
  for (const address of ['11.0.0.1', '2001:db9::1', '192.0.3.1', '::1', '', 'localhost', '10.0.0']) {
    t.notOk(set.has(address), address);
  }
  t.notOk(createAddressSet([]).has('10.0.0.1'));
  t.ok(createAddressSet(['::/0']).has('2001:db8::1'));
  t.notOk(createAddressSet(['::/0']).has('10.0.0.1'), 'all of IPv6 is not IPv4');
  t.throws(() => createAddressSet(['10.0.0.0/8', 'x']), { message: 'not a CIDR: "x"' });
  t.end();
});
