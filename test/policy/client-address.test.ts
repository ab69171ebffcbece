import * as fc from 'fast-check';
import t from 'tap';
import { createAddressSet } from '../../src/policy/address-set.ts';
import { type AddressEvidence, clientAddress } from '../../src/policy/client-address.ts';

const trusted = createAddressSet(['10.0.0.0/8', '2001:db8:aaaa::/48']);

function evidence(changes: Partial<AddressEvidence> = {}): AddressEvidence {
  return { socketAddress: '10.0.0.1', headers: {}, ...changes };
}

t.test('socket: nobody else has a word', (t) => {
  const claims = {
    proxyProtocolAddress: '203.0.113.1',
    headers: { 'x-forwarded-for': '203.0.113.2', forwarded: 'for=203.0.113.3' },
  };
  t.equal(clientAddress('socket', trusted, evidence(claims)), '10.0.0.1');
  t.equal(clientAddress('socket', trusted, evidence({ socketAddress: '::ffff:192.0.2.1' })), '192.0.2.1');
  t.equal(clientAddress('socket', trusted, evidence({ socketAddress: '' })), '', 'the peer is gone already');
  t.end();
});

t.test('X-Forwarded-For: the right-most that is not trusted', (t) => {
  const rows: [string, string | string[] | undefined, string][] = [
    ['one', '203.0.113.9', '203.0.113.9'],
    ['spoofed by the client', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['through two proxies', '198.51.100.1, 203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['with ports', '203.0.113.9:51234, 10.0.0.2:80', '203.0.113.9'],
    ['IPv6', '2001:DB8::9, 2001:db8:aaaa::1', '2001:db8::9'],
    ['IPv6 with port', '[2001:db8::9]:51234', '2001:db8::9'],
    ['IPv4-mapped', '::ffff:203.0.113.9', '203.0.113.9'],
    ['several lines', ['198.51.100.1', '203.0.113.9, 10.0.0.2'], '203.0.113.9'],
    ['from within', '10.3.3.3, 10.0.0.2', '10.3.3.3'],
    ['none', undefined, '10.0.0.1'],
    ['empty', '', '10.0.0.1'],
    ['not an address', 'unknown', '10.0.0.1'],
    ['not an address further on', '203.0.113.9, evil, 10.0.0.2', '10.0.0.2'],
    ['an odd address', '203.0.113.9, 127.1', '10.0.0.1'],
    ['a trailing comma', '203.0.113.9,', '10.0.0.1'],
    ['a port that is none', '203.0.113.9:123456', '10.0.0.1'],
  ];
  for (const [name, value, expected] of rows) {
    const seen = clientAddress('xForwardedFor', trusted, evidence({ headers: { 'x-forwarded-for': value } }));
    t.equal(seen, expected, name);
  }
  t.end();
});

t.test('Forwarded: the same', (t) => {
  const rows: [string, string, string][] = [
    ['one', 'for=203.0.113.9;proto=https', '203.0.113.9'],
    ['spoofed by the client', 'for=198.51.100.1, for="203.0.113.9:4711"', '203.0.113.9'],
    ['IPv6', 'for="[2001:db8::9]:4711", for="[2001:db8:aaaa::1]"', '2001:db8::9'],
    ['an open quote sent ahead', 'for="198.51.100.1, for=203.0.113.9', '203.0.113.9'],
    ['hidden', 'for=203.0.113.9, for=_hidden', '10.0.0.1'],
    ['unknown', 'for=unknown', '10.0.0.1'],
    ['nothing', '', '10.0.0.1'],
  ];
  for (const [name, forwarded, expected] of rows) {
    t.equal(clientAddress('forwarded', trusted, evidence({ headers: { forwarded } })), expected, name);
  }
  t.end();
});

t.test('PROXY protocol', (t) => {
  const claim = (proxyProtocolAddress: string | undefined) =>
    clientAddress('proxyProtocol', trusted, evidence({ proxyProtocolAddress }));
  t.equal(claim('203.0.113.9'), '203.0.113.9');
  t.equal(claim('::ffff:203.0.113.9'), '203.0.113.9');
  t.equal(claim(undefined), '10.0.0.1', 'a health check (LOCAL)');
  t.end();
});

t.test('a peer that is not trusted is the client, whatever it says', (t) => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  const mode = fc.constantFrom('xForwardedFor' as const, 'forwarded' as const, 'proxyProtocol' as const);
  fc.assert(
    fc.property(mode, address, fc.string(), (by, said, more) => {
      const seen = clientAddress(by, trusted, {
        socketAddress: '203.0.113.50',
        proxyProtocolAddress: said,
        headers: { 'x-forwarded-for': `${more}, ${said}`, forwarded: `${more}, for="[${said}]"` },
      });
      return seen === '203.0.113.50';
    }),
  );
  t.end();
});

t.test('only the chosen field counts', (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.2', forwarded: 'for=203.0.113.3' };
  t.equal(clientAddress('xForwardedFor', trusted, evidence({ headers })), '203.0.113.2');
  t.equal(clientAddress('forwarded', trusted, evidence({ headers })), '203.0.113.3');
  t.equal(clientAddress('proxyProtocol', trusted, evidence({ headers })), '10.0.0.1');
  t.end();
});

t.test('a chain without end is not followed', (t) => {
  const headers = { 'x-forwarded-for': `203.0.113.9${', 10.0.0.2'.repeat(5000)}` };
  t.equal(clientAddress('xForwardedFor', trusted, evidence({ headers })), '10.0.0.2');
  t.end();
});

t.test('a mapped peer is trusted as its IPv4 address, text that is no address is the client', (t) => {
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  t.equal(clientAddress('xForwardedFor', trusted, evidence({ headers })), '203.0.113.9');
  t.equal(
    clientAddress('xForwardedFor', trusted, evidence({ headers, socketAddress: '::ffff:10.0.0.1' })),
    '203.0.113.9',
  );
  t.equal(clientAddress('xForwardedFor', trusted, evidence({ headers, socketAddress: 'x' })), 'x');
  t.end();
});
