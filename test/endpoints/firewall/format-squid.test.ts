import t from 'tap';
import { createEgress } from '../../../src/endpoints/firewall/egress.ts';
import { formatSquid } from '../../../src/endpoints/firewall/format-squid.ts';
import { matchHostPattern } from '../../../src/http/host.ts';
import { loadedRegistry } from '../../support/config-file.ts';
import { loopbackRegistry } from './sample-egress.ts';

function rulesOf(text: string): string[] {
  return text.split('\n').filter((line) => !line.startsWith('#') && line !== '');
}

t.test('a wildcard is as narrow as Berth itself takes it', async (t) => {
  const redirectHosts = ['prod-*-x.s3.*.amazonaws.com'];
  const text = formatSquid(createEgress([loadedRegistry({ delivery: 'passthrough', redirectHosts })]));
  const regex = new RegExp(/dstdom_regex -n (.*)/.exec(text)?.[1] ?? '');
  for (const host of [
    'prod-eu-x.s3.eu-west-1.amazonaws.com',
    'prod--x.s3.eu.amazonaws.com',
    'prod-a.b-x.s3.eu.amazonaws.com',
    'prod-eu-x.s3.eu.amazonaws.com.example',
    'aprod-eu-x.s3.eu.amazonaws.com',
    'prod-eu-xXs3Xeu.amazonaws.com',
  ]) {
    t.equal(regex.test(host), matchHostPattern(redirectHosts[0] ?? '', host), host);
  }
});

t.test('http is not CONNECT, an address is not a name, and each port has its own hosts', async (t) => {
  const text = formatSquid(createEgress([loopbackRegistry(), loadedRegistry({ name: 'b' })]));
  t.same(rulesOf(text), [
    'acl berth_connect method CONNECT',
    'acl berth_port_5000 port 5000',
    'acl berth_http_addresses_5000 dst 127.0.0.1',
    'acl berth_port_443 port 443',
    'acl berth_https_names_443 dstdomain -n contoso.registry.example',
    'acl berth_https_names_443 dstdomain -n b.eastus.data.registry.example',
    'acl berth_https_names_443 dstdomain -n b.westus.data.registry.example',
    'http_access allow !berth_connect berth_port_5000 berth_http_addresses_5000',
    'http_access allow berth_connect berth_port_443 berth_https_names_443',
    'http_access deny all',
  ]);
});
