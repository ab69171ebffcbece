import t from 'tap';
import type { ListenerConfig, RegistryConfig } from '../../../src/config/config.ts';
import { createEgress } from '../../../src/endpoints/firewall/egress.ts';
import { firewallNotes } from '../../../src/endpoints/firewall/firewall-notes.ts';
import type { FirewallFormat } from '../../../src/endpoints/firewall/format-firewall-rules.ts';
import { configFile, loaded, loadedRegistry } from '../../support/config-file.ts';
import { loopbackRegistry } from './sample-egress.ts';

const { listeners } = loaded(configFile());

function notes(
  registries: readonly RegistryConfig[],
  format: FirewallFormat,
  more: { listeners?: readonly ListenerConfig[]; dnsServers?: readonly string[] } = {},
): readonly string[] {
  const egress = createEgress(registries);
  return firewallNotes({ format, egress, registries, listeners, dnsServers: ['192.0.2.53'], ...more });
}

t.test('nothing to say where all is well', async (t) => {
  for (const format of ['plain', 'iptables', 'nftables', 'squid', 'cilium'] as const) {
    t.same(notes([loadedRegistry()], format), [], format);
  }
});

t.test('JSON has no comments, so what to remove is a note', async (t) => {
  t.match(notes([loadedRegistry()], 'azure-firewall'), [
    /remove where nothing else does: contoso\.azurecr\.io \*\.blob\.core\.windows\.net\.$/,
  ]);
});

t.test('data endpoints off', async (t) => {
  const registry = loadedRegistry({ delivery: 'passthrough' });
  t.match(notes([registry], 'plain'), [
    /^Warning: data endpoints are off for registry contoso.* below \*\.blob\.core\.windows\.net\. To close that, set "delivery: dedicated"/,
  ]);
  t.match(notes([registry], 'iptables'), [
    /^Warning: data endpoints/,
    /^Warning: iptables knows no names, so the wildcard is every address there is, on port 443\.$/,
  ]);
  const exact = loadedRegistry({ delivery: 'passthrough', redirectHosts: ['cdn.example'] });
  t.match(notes([exact], 'nftables'), [/clients go to storage themselves\. To close/]);
});

t.test('DNS servers that are of no use to clients', async (t) => {
  const registries = [loadedRegistry()];
  t.match(notes(registries, 'iptables', { dnsServers: [] }), [/no DNS server is known.*--dns/]);
  t.match(notes(registries, 'nftables', { dnsServers: ['127.0.0.53', '192.0.2.1', '::1'] }), [
    /^Warning: 127\.0\.0\.53, ::1 is a resolver on the machine itself/,
  ]);
  t.same(notes(registries, 'squid', { dnsServers: [] }), []);
});

t.test('a port that nobody listens on, and aliases', async (t) => {
  t.match(notes([loopbackRegistry()], 'plain'), [
    /^No listener has port 5000/,
    /^The aliases of contoso are not in the rules, only its login server: \[::1\]:5000\.$/,
  ]);
});
