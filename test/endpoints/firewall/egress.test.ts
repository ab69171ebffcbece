import t from 'tap';
import { createEgress, isAddress, portsOf } from '../../../src/endpoints/firewall/egress.ts';
import { loadedRegistry } from '../../support/config-file.ts';
import { loopbackRegistry, SAMPLES } from './sample-egress.ts';

t.test('dedicated: login server and each data endpoint, and what is no longer needed', async (t) => {
  t.same(SAMPLES.dedicated.targets, [
    {
      registry: 'contoso',
      use: 'login server',
      host: 'contoso.registry.example',
      port: 443,
      scheme: 'https',
    },
    {
      registry: 'contoso',
      use: 'data endpoint',
      host: 'contoso.eastus.data.registry.example',
      port: 443,
      scheme: 'https',
    },
    {
      registry: 'contoso',
      use: 'data endpoint',
      host: 'contoso.westus.data.registry.example',
      port: 443,
      scheme: 'https',
    },
  ]);
  t.same(SAMPLES.dedicated.patterns, []);
  t.same(SAMPLES.dedicated.removable, ['contoso.azurecr.io', '*.blob.core.windows.net']);
});

t.test('inline: the login server alone', async (t) => {
  t.same(
    SAMPLES.inline.targets.map(({ use }) => use),
    ['login server'],
  );
  t.same(SAMPLES.inline.removable, ['contoso.azurecr.io', '*.blob.core.windows.net']);
});

t.test('passthrough: the wildcard once, exact storage hosts as targets; neither is removable', async (t) => {
  const redirectHosts = ['*.blob.core.windows.net', 'cdn.example:8443'];
  const egress = createEgress([loadedRegistry({ delivery: 'passthrough', redirectHosts })]);
  t.same(egress.patterns, [{ registry: 'contoso', pattern: '*.blob.core.windows.net', port: 443 }]);
  t.same(egress.targets.slice(1), [
    { registry: 'contoso', use: 'storage', host: 'cdn.example', port: 8443, scheme: 'https' },
  ]);
  t.same(egress.removable, ['contoso.azurecr.io']);
  t.same(portsOf(egress), [443, 8443]);
});

t.test('passthrough: the upstream itself is reached as the upstream, other storage by https', async (t) => {
  const storageOf = (url: string, redirectHosts: readonly string[]) =>
    createEgress([loadedRegistry({ delivery: 'passthrough', upstream: { url }, redirectHosts })])
      .targets.filter(({ use }) => use === 'storage')
      .map(({ host, port, scheme }) => `${scheme} ${host} ${port}`);
  t.same(storageOf('http://registry.example', ['Registry.example', 'cdn.example']), [
    'http registry.example 80',
    'https cdn.example 443',
  ]);
  t.same(storageOf('http://registry.example:5000', ['registry.example:5000', 'registry.example']), [
    'http registry.example 5000',
    'https registry.example 443',
  ]);
  t.same(storageOf('http://[2606:4700::1]', ['[2606:4700::1]:80']), ['http 2606:4700::1 80']);
  t.same(storageOf('https://registry.example', ['registry.example']), ['https registry.example 443']);
});

t.test('token hosts are removable; what another registry needs is not', async (t) => {
  const hub = loadedRegistry({
    name: 'hub',
    loginServer: 'hub.registry.example',
    upstream: { url: 'https://registry-1.docker.io', tokenHosts: ['auth.docker.io'] },
    redirectHosts: ['contoso.registry.example'],
  });
  const egress = createEgress([loadedRegistry(), hub]);
  t.same(egress.registries, ['contoso', 'hub']);
  t.same(egress.removable, [
    'contoso.azurecr.io',
    '*.blob.core.windows.net',
    'registry-1.docker.io',
    'auth.docker.io',
  ]);
});

t.test('ports are those of the links, addresses come without brackets', async (t) => {
  const egress = createEgress([loopbackRegistry({ loginServer: '[::1]:5000', aliases: [] })]);
  t.match(egress.targets, [{ host: '::1', port: 5000, scheme: 'http' }]);
  t.ok(egress.targets.every(isAddress));
  t.match(createEgress([loopbackRegistry({ loginServer: 'localhost' })]).targets, [{ port: 80 }]);
});

t.test(
  'a rollout that has not reached all: data endpoints and storage, nothing of storage to remove',
  async (t) => {
    const { targets, patterns, removable } = createEgress([loadedRegistry({ rollout: { percent: 50 } })]);
    t.same(
      targets.map(({ use }) => use),
      ['login server', 'data endpoint', 'data endpoint'],
    );
    t.same(patterns, [{ registry: 'contoso', pattern: '*.blob.core.windows.net', port: 443 }]);
    t.same(removable, ['contoso.azurecr.io']);
  },
);
