import type { RegistryConfig } from '../../../src/config/config.ts';
import { createEgress, type Egress } from '../../../src/endpoints/firewall/egress.ts';
import { configFile, loaded, loadedRegistry } from '../../support/config-file.ts';

/** What the names of the sample have in DNS; both families, several addresses, an unsorted answer. */
export const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  'contoso.registry.example': ['203.0.113.10', '2001:db8::10', '203.0.113.9', '203.0.113.9'],
  'contoso.eastus.data.registry.example': ['203.0.113.20', '2001:db8::20'],
  'contoso.westus.data.registry.example': ['203.0.113.30'],
};

export const DNS_SERVERS = ['192.0.2.53', '2001:db8::53'];

/** Like `dns.lookup`. */
export function resolveSample(name: string): Promise<readonly string[]> {
  const found = ADDRESSES[name];
  if (found !== undefined) return Promise.resolve(found);
  return Promise.reject(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }));
}

/** The golden cases: one registry for each delivery. */
export const SAMPLES: Readonly<Record<'dedicated' | 'inline' | 'passthrough', Egress>> = {
  dedicated: createEgress([loadedRegistry()]),
  inline: createEgress([loadedRegistry({ delivery: 'inline' })]),
  passthrough: createEgress([loadedRegistry({ delivery: 'passthrough' })]),
};

/** One registry on loopback addresses with ports of its own, over http. */
export function loopbackRegistry(registry: Record<string, unknown> = {}): RegistryConfig {
  const [first] = loaded(
    configFile({
      loginServer: '127.0.0.1:5000',
      aliases: ['[::1]:5000'],
      scheme: 'http',
      delivery: 'inline',
      ...registry,
    }),
  ).registries;
  if (first === undefined) throw new Error('no registry');
  return first;
}
