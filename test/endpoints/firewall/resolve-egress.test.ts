import t from 'tap';
import { createEgress } from '../../../src/endpoints/firewall/egress.ts';
import { resolveEgress } from '../../../src/endpoints/firewall/resolve-egress.ts';
import { loopbackRegistry, resolveSample, SAMPLES } from './sample-egress.ts';

t.test('all addresses, sorted, once each, by family', async (t) => {
  const asked: string[] = [];
  const resolved = await resolveEgress(SAMPLES.dedicated, (name) => {
    asked.push(name);
    return resolveSample(name);
  });
  t.match(resolved[0], { ipv4: ['203.0.113.9', '203.0.113.10'], ipv6: ['2001:db8::10'] });
  t.match(resolved[2], { ipv4: ['203.0.113.30'], ipv6: [] });
  t.equal(asked.length, 3);
});

t.test('an address is not asked for', async (t) => {
  const resolved = await resolveEgress(createEgress([loopbackRegistry()]), () =>
    Promise.reject(new Error('asked')),
  );
  t.match(resolved, [{ host: '127.0.0.1', ipv4: ['127.0.0.1'], ipv6: [] }]);
});

t.test('a zone is taken off, and what is no address does not count', async (t) => {
  const resolved = await resolveEgress(SAMPLES.inline, () => Promise.resolve(['fe80::1%eth0', 'x']));
  t.match(resolved, [{ ipv4: [], ipv6: ['fe80::1'] }]);
});

t.test('every name that does not resolve is in the error', async (t) => {
  await t.rejects(
    resolveEgress(SAMPLES.dedicated, (name) =>
      name.includes('eastus') ? Promise.resolve([]) : Promise.reject(new Error('?')),
    ),
    {
      kind: 'not_resolved',
      message:
        /^contoso\.eastus\.data\.registry\.example \(no address\), contoso\.registry\.example \(unknown error\), contoso\.westus.* do not resolve here, .*take a format with names/,
    },
  );
  await t.rejects(
    resolveEgress(SAMPLES.inline, () => resolveSample('x')),
    { message: /^contoso\.registry\.example \(ENOTFOUND\) does not resolve/ },
  );
});
