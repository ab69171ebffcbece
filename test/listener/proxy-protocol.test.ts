import * as fc from 'fast-check';
import t from 'tap';
import { PROXY_HEADER_MAX_BYTES, parseProxyHeader } from '../../src/listener/proxy-protocol.ts';
import { proxyV2 } from './proxy-header.ts';

t.test('version 1', (t) => {
  const good = [
    ['PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n', { address: '192.0.2.7', port: 51000 }],
    ['PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n', { address: '2001:db8::7', port: 51000 }],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', undefined],
  ] as const;
  for (const [line, source] of good) {
    const bytes = Buffer.from(`${line}GET / HTTP/1.1\r\n`);
    t.same(parseProxyHeader(bytes), { kind: 'header', length: line.length, source }, line);
  }
  const bad = [
    'GET /v2/ HTTP/1.1\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443 1\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n',
    'PROXY TCP4 192.0.2.7 198.51.100.1 051 443\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 51000 443\r\n',
    'PROXY TCP6 192.0.2.7 198.51.100.1 51000 443\r\n',
    'PROXY TCP4 192.0.2.999 198.51.100.1 51000 443\r\n',
    'PROXY  TCP4 192.0.2.7 198.51.100.1 51000 443\r\n',
    'PROXY UDP4 192.0.2.7 198.51.100.1 51000 443\r\n',
    'proxy TCP4 192.0.2.7 198.51.100.1 51000 443\r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}\r\n`,
    `PROXY ${'x'.repeat(200)}`,
  ];
  for (const line of bad) t.same(parseProxyHeader(Buffer.from(line)), { kind: 'invalid' }, line);
  t.end();
});

t.test('version 2', (t) => {
  const v4 = proxyV2('192.0.2.7', 51000);
  t.same(parseProxyHeader(Buffer.concat([v4, Buffer.from('rest')])), {
    kind: 'header',
    length: 28,
    source: { address: '192.0.2.7', port: 51000 },
  });
  t.same(parseProxyHeader(proxyV2('2001:db8::7', 51000)), {
    kind: 'header',
    length: 52,
    source: { address: '2001:db8::7', port: 51000 },
  });
  const withTlv = proxyV2('192.0.2.7', 51000, { tlv: Buffer.from([0xea, 0, 2, 1, 2]) });
  t.same(parseProxyHeader(withTlv), {
    kind: 'header',
    length: 33,
    source: { address: '192.0.2.7', port: 51000 },
  });
  t.same(
    parseProxyHeader(proxyV2('192.0.2.7', 1, { command: 0 })),
    { kind: 'header', length: 28, source: undefined },
    'LOCAL',
  );
  t.same(
    parseProxyHeader(proxyV2('192.0.2.7', 1, { family: 0x00 })),
    { kind: 'header', length: 28, source: undefined },
    'UNSPEC',
  );
  const bad = {
    'version 1 in a binary header': proxyV2('192.0.2.7', 1, { version: 1 }),
    'unknown command': proxyV2('192.0.2.7', 1, { command: 2 }),
    'UDP over a TCP connection': proxyV2('192.0.2.7', 1, { family: 0x12 }),
    'IPv6 family with IPv4 length': proxyV2('192.0.2.7', 1, { family: 0x21 }),
    'longer than the limit': proxyV2('192.0.2.7', 1, { tlv: Buffer.alloc(PROXY_HEADER_MAX_BYTES) }),
  };
  for (const [name, bytes] of Object.entries(bad)) t.same(parseProxyHeader(bytes), { kind: 'invalid' }, name);
  t.end();
});

t.test('the length limit is judged before the bytes are there', (t) => {
  const head = proxyV2('192.0.2.7', 1, { tlv: Buffer.alloc(60_000) }).subarray(0, 16);
  t.same(parseProxyHeader(head), { kind: 'invalid' });
  t.end();
});

const header = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 65_535 })),
  fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 65_535 })),
);

t.test('every prefix is incomplete, the whole reads back, what follows is untouched', (t) => {
  fc.assert(
    fc.property(header, fc.boolean(), fc.uint8Array({ maxLength: 50 }), ([address, port], binary, rest) => {
      const family = address.includes(':') ? 'TCP6' : 'TCP4';
      const bytes = binary
        ? proxyV2(address, port)
        : Buffer.from(`PROXY ${family} ${address} ${address} ${port} 443\r\n`);
      for (let i = 0; i < bytes.length; i += 1) {
        if (parseProxyHeader(bytes.subarray(0, i)).kind !== 'incomplete') return false;
      }
      const parsed = parseProxyHeader(Buffer.concat([bytes, rest]));
      return parsed.kind === 'header' && parsed.length === bytes.length && parsed.source?.port === port;
    }),
  );
  t.pass('100 headers');
  t.end();
});

t.test('never throws, and never waits for more than the limit', (t) => {
  const start = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    proxyV2('192.0.2.7', 1).subarray(0, 12),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (prefix, more) => {
      const bytes = Buffer.concat([prefix, more]);
      const parsed = parseProxyHeader(bytes);
      const longest = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_MAX_BYTES)]);
      return (
        ['incomplete', 'invalid', 'header'].includes(parsed.kind) &&
        parseProxyHeader(longest).kind !== 'incomplete'
      );
    }),
    { numRuns: 2000 },
  );
  t.pass('2000 inputs');
  t.end();
});
