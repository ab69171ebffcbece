import t from 'tap';
import { configFile, problemLines } from '../support/config-file.ts';

const OWN = { url: 'https://contoso.azurecr.io', auth: { file: 'credentials' } };

function lines(registry: Record<string, unknown>, top: Record<string, unknown> = {}): readonly string[] {
  return problemLines(configFile(registry, top));
}

t.test('own credentials need a policy, and the other way round', async (t) => {
  t.match(lines({ upstream: OWN }), [
    /upstream\.auth: Berth's own credentials would let in everybody.*; add clients/,
  ]);
  t.match(lines({ clients: { anonymous: true } }), [
    /registries\[0\]\.clients: has no effect without upstream\.auth.*; add upstream\.auth, or remove clients/,
  ]);
  t.same(lines({ upstream: OWN, clients: { anonymous: true } }), []);
  t.same(lines({ upstream: OWN, clients: { htpasswd: { file: 'x' }, networks: ['10.0.0.0/8'] } }), []);
});

t.test('a policy lets somebody in, and means what it says', async (t) => {
  t.match(lines({ upstream: OWN, clients: {} }), [/clients: lets nobody in; set at least one/]);
  t.match(lines({ upstream: OWN, clients: { anonymous: true, networks: ['10.0.0.0/8'] } }), [
    /clients\.anonymous: lets everybody in, so that htpasswd, mtls and networks have no effect/,
  ]);
  t.match(lines({ upstream: OWN, clients: { networks: ['10.0.0.0/40'] } }), [
    /networks\[0\]: .* is not a CIDR/,
  ]);
});

t.test('mtls needs a listener that asks for certificates', async (t) => {
  t.match(lines({ upstream: OWN, clients: { mtls: true } }), [
    /clients\.mtls: needs a listener.*; set tls\.clientCaFile/,
  ]);
  const tls = { certificates: [{ cert: 'c', key: 'k' }], clientCaFile: 'ca' };
  t.same(lines({ upstream: OWN, clients: { mtls: true } }, { listeners: [{ port: 1, tls }] }), []);
});
