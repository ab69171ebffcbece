import t from 'tap';
import { sessionKeys } from '../../src/listener/session-keys.ts';

const SECRET = new Uint8Array(48).fill(7);
const LISTENER = { address: '::', port: 443 };
const authorities = (pem: string) => ({ pem, fingerprints: new Set<string>() });

t.test('the same in each process that has the secret', async (t) => {
  const keys = sessionKeys(SECRET, LISTENER, authorities('one'));
  t.equal(keys.length, 48);
  t.same(sessionKeys(SECRET, LISTENER, authorities('one')), keys);
});

t.test('others for each listener, each set of authorities, and each secret', async (t) => {
  const all = [
    sessionKeys(SECRET, LISTENER, undefined),
    sessionKeys(SECRET, LISTENER, authorities('')),
    sessionKeys(SECRET, LISTENER, authorities('one')),
    sessionKeys(SECRET, LISTENER, authorities('two')),
    sessionKeys(SECRET, { ...LISTENER, port: 444 }, undefined),
    sessionKeys(SECRET, { ...LISTENER, address: '0.0.0.0' }, undefined),
    sessionKeys(new Uint8Array(48), LISTENER, undefined),
  ];
  t.equal(new Set(all.map((keys) => keys.toString('hex'))).size, all.length);
});

t.test('authorities of any length: a file of real ones has kilobytes', async (t) => {
  const long = 'certificate '.repeat(10_000);
  const keys = sessionKeys(SECRET, LISTENER, authorities(`${long}one`));
  t.equal(keys.length, 48);
  t.notSame(sessionKeys(SECRET, LISTENER, authorities(`${long}two`)), keys);
});
