import t from 'tap';
import { createEgress } from '../../../src/endpoints/firewall/egress.ts';
import { formatAzureFirewall } from '../../../src/endpoints/firewall/format-azure-firewall.ts';
import { loadedRegistry } from '../../support/config-file.ts';
import { loopbackRegistry } from './sample-egress.ts';

t.test('what application rules can not say is refused', async (t) => {
  t.throws(() => formatAzureFirewall(createEgress([loopbackRegistry()])), {
    kind: 'not_expressible',
    message: /login server of contoso is the address 127\.0\.0\.1, .* give it a name/,
  });
  const redirectHosts = ['prod-*-x.s3.*.amazonaws.com'];
  t.throws(
    () => formatAzureFirewall(createEgress([loadedRegistry({ delivery: 'passthrough', redirectHosts })])),
    { kind: 'not_expressible', message: /turn data endpoints on for contoso/ },
  );
});

t.test('names of rules are unique, http is said', async (t) => {
  const local = loopbackRegistry({ loginServer: 'localhost:5000' });
  const collection = JSON.parse(formatAzureFirewall(createEgress([loadedRegistry(), local])));
  const { rules } = collection.properties;
  t.equal(new Set(rules.map((rule: { name: string }) => rule.name)).size, 4);
  t.same(rules[3].protocols, [{ protocolType: 'Http', port: 5000 }]);
});
