import type { LookupAddress } from 'node:dns';
import { BlockList } from 'node:net';
import { queryObjects } from 'node:v8';
import t from 'tap';
import {
  checkedLookup,
  createAllowedAddresses,
  createUpstreamAddresses,
} from '../../src/upstream/address-check.ts';
import { createLookup } from '../support/lookup.ts';

const nothing = createAllowedAddresses([]);

t.test('what is not the public internet is refused', async (t) => {
  const addresses = createUpstreamAddresses(nothing);
  for (const address of [
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.192',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.1.2.3',
    '::ffff:0:0',
    '64:ff9b::127.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:2::1',
    '2001:db8::1',
    '2002:7f00:1::1',
    '2002:808:808::1',
    '3fff::1',
    '5f00::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '',
    'localhost',
    '127.1',
    '1.2.3.4, 127.0.0.1',
  ]) {
    t.equal(addresses.has(address), false, address);
  }
});

t.test('the public internet is allowed', async (t) => {
  const addresses = createUpstreamAddresses(nothing);
  for (const address of [
    '1.1.1.1',
    '20.60.1.1',
    '100.63.255.255',
    '100.128.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.0.1.1',
    '223.255.255.255',
    '::ffff:20.60.1.1',
    '64:ff9b::20.60.1.1',
    '2001:200::1',
    '2603:1030::1',
    '2a00:1450::1',
  ]) {
    t.equal(addresses.has(address), true, address);
  }
});

t.test('allowedPrivateAddresses opens what it names and no more', async (t) => {
  const addresses = createUpstreamAddresses(
    createAllowedAddresses(['10.1.0.0/16', '127.0.0.2', 'fd00:1::/32']),
  );
  const rows: [string, boolean][] = [
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['10.2.0.1', false],
    ['127.0.0.2', true],
    ['127.0.0.1', false],
    ['fd00:1::5', true],
    ['fd00:2::5', false],
    ['169.254.169.254', false],
  ];
  for (const [address, expected] of rows) t.equal(addresses.has(address), expected, address);
});

t.test('the lookup gives allowed addresses only', async (t) => {
  const allowed = createUpstreamAddresses(nothing);
  const mixed = ((_host: string, _options: unknown, callback: (e: null, a: LookupAddress[]) => void) => {
    process.nextTick(callback, null, [
      { address: '127.0.0.1', family: 4 },
      { address: '20.60.1.1', family: 4 },
      { address: '::1', family: 6 },
    ]);
  }) as unknown as Parameters<typeof checkedLookup>[0];
  const ask = (lookup: Parameters<typeof checkedLookup>[0], all: boolean): Promise<unknown> =>
    new Promise((resolve) => {
      checkedLookup(lookup, allowed)('storage.example', { all }, (error, address, family) =>
        resolve(error ?? (all ? address : [address, family])),
      );
    });
  t.same(await ask(mixed, true), [{ address: '20.60.1.1', family: 4 }]);
  t.same(await ask(mixed, false), ['20.60.1.1', 4]);
  const private_ = createLookup(() => '169.254.169.254');
  t.match(await ask(private_, true), {
    code: 'ERR_ADDRESS_REFUSED',
    message: /storage\.example.*169\.254\.169\.254/,
  });
  t.match(
    await ask(
      createLookup(() => undefined),
      true,
    ),
    { code: 'ENOTFOUND' },
  );
});

t.test('an allowed network of one family says nothing about the other', (t) => {
  t.equal(createAllowedAddresses(['::/0']).has('10.0.0.1'), false);
  t.equal(createAllowedAddresses(['fd00::/8']).has('10.0.0.1'), false);
  t.equal(createAllowedAddresses(['0.0.0.0/0']).has('fd00::1'), false);
  t.equal(createAllowedAddresses(['10.0.0.0/8', 'fd00::/8']).has('fd00::1'), true);
  t.equal(createAllowedAddresses(['10.0.0.0/8', 'fd00::/8']).has('10.1.2.3'), true);
  t.end();
});

t.test('what is special is kept once for all registries', (t) => {
  const before = queryObjects(BlockList, { format: 'count' });
  const made = Array.from({ length: 100 }, () => createUpstreamAddresses(createAllowedAddresses([])));
  t.equal(queryObjects(BlockList, { format: 'count' }), before);
  t.notOk(made.some((addresses) => addresses.has('127.0.0.1')));
  t.end();
});
