import t from 'tap';
import { parse } from 'yaml';
import { createEgress } from '../../../src/endpoints/firewall/egress.ts';
import { formatCilium } from '../../../src/endpoints/firewall/format-cilium.ts';
import { loadedRegistry } from '../../support/config-file.ts';
import { loopbackRegistry, SAMPLES } from './sample-egress.ts';

t.test('names are seen in DNS and opened, exactly', async (t) => {
  const policy = parse(formatCilium(SAMPLES.dedicated));
  const [dns, https, ...rest] = policy.spec.egress;
  const names = [
    { matchName: 'contoso.registry.example' },
    { matchName: 'contoso.eastus.data.registry.example' },
    { matchName: 'contoso.westus.data.registry.example' },
  ];
  t.same(dns.toPorts[0].rules.dns.slice(0, 3), names);
  for (const { matchName, matchPattern } of dns.toPorts[0].rules.dns.slice(3)) {
    t.match(matchName ?? matchPattern, /^contoso\..*\.cluster\.local$/, 'nothing leaves the cluster');
  }
  t.same(https, {
    toFQDNs: names,
    toPorts: [{ ports: [{ port: '443', protocol: 'TCP' }] }],
  });
  t.same(rest, []);
});

t.test('addresses are CIDRs, each port has its own rule', async (t) => {
  const registries = [loopbackRegistry(), loadedRegistry({ name: 'b', delivery: 'inline' })];
  const policy = parse(formatCilium(createEgress(registries)));
  t.equal(policy.metadata.name, 'berth-contoso-b');
  t.same(policy.spec.egress.slice(1), [
    { toCIDR: ['127.0.0.1/32'], toPorts: [{ ports: [{ port: '5000', protocol: 'TCP' }] }] },
    {
      toFQDNs: [{ matchName: 'contoso.registry.example' }],
      toPorts: [{ ports: [{ port: '443', protocol: 'TCP' }] }],
    },
  ]);
  const addressesOnly = parse(
    formatCilium(createEgress([loopbackRegistry({ loginServer: '[::1]:5000', aliases: [] })])),
  );
  t.same(addressesOnly.spec.egress, [
    { toCIDR: ['::1/128'], toPorts: [{ ports: [{ port: '5000', protocol: 'TCP' }] }] },
  ]);
});
