/** Every server of the run has an address of its own, so that an address seen in a packet is a host name. */
export const HOSTS = {
  upstream: { name: 'contoso.upstream.example', address: '10.213.7.1' },
  token: { name: 'auth.upstream.example', address: '10.213.7.2' },
  storage: { name: 'weureplstore76.blob.core.windows.net', address: '10.213.7.3' },
  login: { name: 'contoso.registry.example', address: '10.213.7.4' },
  data: { name: 'contoso.westeurope.data.registry.example', address: '10.213.7.5' },
  mirrorLogin: { name: 'hub.registry.example', address: '10.213.7.6' },
  mirrorData: { name: 'hub.westeurope.data.registry.example', address: '10.213.7.7' },
  inline: { name: 'inline.registry.example', address: '10.213.7.8' },
  passthrough: { name: 'passthrough.registry.example', address: '10.213.7.9' },
  /** Somebody else's storage account, under the same wildcard. */
  attacker: { name: 'weuattacker66.blob.core.windows.net', address: '10.213.7.10' },
  closedLogin: { name: 'closed.registry.example', address: '10.213.7.11' },
  closedData: { name: 'closed.westeurope.data.registry.example', address: '10.213.7.12' },
  /** A registry that means harm. */
  hostile: { name: 'hostile.upstream.example', address: '10.213.7.13' },
  hostileLogin: { name: 'hostile.registry.example', address: '10.213.7.14' },
  /** A balancer with three Berths behind it. */
  replicasLogin: { name: 'replicas.registry.example', address: '10.213.7.15' },
  /** A registry in two regions, each with two storage accounts. */
  eastUpstream: { name: 'contoso.east.upstream.example', address: '10.213.7.17' },
  westUpstream: { name: 'contoso.west.upstream.example', address: '10.213.7.18' },
  eastStorage1: { name: 'eusreplstore1.blob.core.windows.net', address: '10.213.7.19' },
  eastStorage2: { name: 'eusreplstore2.blob.core.windows.net', address: '10.213.7.20' },
  westStorage1: { name: 'wusreplstore1.blob.core.windows.net', address: '10.213.7.21' },
  westStorage2: { name: 'wusreplstore2.blob.core.windows.net', address: '10.213.7.22' },
  regionsLogin: { name: 'regions.registry.example', address: '10.213.7.23' },
  regionsEast: { name: 'regions.eastus.data.registry.example', address: '10.213.7.24' },
  regionsWest: { name: 'regions.westus.data.registry.example', address: '10.213.7.25' },
  /** Its storage dies and comes back. */
  outageUpstream: { name: 'outage.upstream.example', address: '10.213.7.26' },
  outageStorage: { name: 'weuoutage1.blob.core.windows.net', address: '10.213.7.27' },
  outageLogin: { name: 'outage.registry.example', address: '10.213.7.28' },
  outageData: { name: 'outage.westeurope.data.registry.example', address: '10.213.7.29' },
  /** Its links live for seconds, and its storage is far away. */
  shortUpstream: { name: 'short.upstream.example', address: '10.213.7.30' },
  shortStorage: { name: 'weushort1.blob.core.windows.net', address: '10.213.7.31' },
  shortLogin: { name: 'short.registry.example', address: '10.213.7.32' },
  shortData: { name: 'short.westeurope.data.registry.example', address: '10.213.7.33' },
  replicasData: { name: 'replicas.westeurope.data.registry.example', address: '10.213.7.16' },
} as const;

/** The network of the run: both namespaces, nothing else. */
export const SUBNET = '10.213.7.0/24';

/** Answers nothing: a name that is missing above must fail at once and be seen. */
export const RESOLVER_ADDRESS = '10.213.7.53';

/** Where the clients live. */
export const CLIENT_ADDRESS = '10.213.7.200';

/** All host names with their addresses. */
export function allHosts(): { readonly name: string; readonly address: string }[] {
  return Object.values(HOSTS);
}

/** Text of `/etc/hosts` inside the namespaces; the machine's own file stays as it is. */
export function formatHostsFile(): string {
  const lines = ['127.0.0.1 localhost', '::1 localhost'];
  for (const { name, address } of allHosts()) lines.push(`${address} ${name}`);
  return `${lines.join('\n')}\n`;
}
