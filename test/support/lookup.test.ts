import type { LookupAddress } from 'node:dns';
import tap from 'tap';
import { createLookup, loopbackLookup } from './lookup.ts';

await tap.test('answers in both forms of dns.lookup', async (t) => {
  const one = await new Promise((resolve) => {
    loopbackLookup('weureplstore76.blob.core.windows.net', {}, (_error, address) => resolve(address));
  });
  t.equal(one, '127.0.0.1');
  const lookup = createLookup((name) => (name === 'six.test' ? '::1' : undefined));
  const all = await new Promise<LookupAddress[]>((resolve) => {
    lookup('SIX.test', { all: true }, (_error, addresses) => resolve(addresses));
  });
  t.same(all, [{ address: '::1', family: 6 }]);
  const code = await new Promise((resolve) => {
    loopbackLookup('www.example.com', (error) => resolve(error?.code));
  });
  t.equal(code, 'ENOTFOUND', 'no name of the real world resolves in a test');
});
