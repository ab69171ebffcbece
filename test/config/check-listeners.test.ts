import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

function lines(listeners: readonly unknown[], top: Record<string, unknown> = {}): readonly string[] {
  return problemLines(configFile({}, { listeners, ...top }));
}

t.test('addresses and ports', async (t) => {
  t.match(lines([{ address: 'localhost', port: 1 }]), [
    /"localhost" is not an IP address; write ::, 0\.0\.0\.0/,
  ]);
  t.match(lines([{ address: '[::1]', port: 1 }]), [/not an IP address/]);
  t.match(lines([{ port: 1 }, { port: 1 }]), [/listeners\[1\]\.port: port 1 is taken by listeners\[0\]/]);
  t.match(
    lines([
      { address: '127.0.0.1', port: 1 },
      { address: '0.0.0.0', port: 1 },
    ]),
    [/port 1 is taken/],
  );
  t.match(lines([{ address: '127.0.0.1', port: 1 }, { port: 1 }]), [/port 1 is taken/]);
  t.match(lines([{ port: 9464 }]), [/metrics: port 9464 is taken by listeners\[0\]|metrics\.port/]);
  t.same(
    lines([
      { address: '127.0.0.1', port: 1 },
      { address: '127.0.0.2', port: 1 },
    ]),
    [],
  );
  t.same(lines([{ port: 0 }, { port: 0 }], { metrics: { port: 0 } }), []);
  t.same(lines([{ port: 9464 }], { metrics: null }), []);
});

t.test('whose word is taken', async (t) => {
  for (const clientAddress of ['xForwardedFor', 'forwarded', 'proxyProtocol']) {
    t.match(lines([{ port: 1, clientAddress }]), [
      /clientAddress: \w+ needs trustedProxies.*; list the proxies/,
    ]);
    t.same(lines([{ port: 1, clientAddress, trustedProxies: ['10.0.0.0/8', '::1'] }]), []);
  }
  t.match(lines([{ port: 1, trustedProxies: ['10.0.0.0/8'] }]), [/has no effect with clientAddress: socket/]);
  t.match(lines([{ port: 1, clientAddress: 'forwarded', trustedProxies: ['10.0.0.0/33', 'x', '1.2.3.4'] }]), [
    /trustedProxies\[0\]: "10\.0\.0\.0\/33" is not a CIDR; write an address with/,
    /trustedProxies\[1\]: "x" is not a CIDR/,
  ]);
});
