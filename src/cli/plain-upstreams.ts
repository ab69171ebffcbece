import { isIP } from 'node:net';

import type { Config } from '../config/config.ts';
import type { ConfigPath, Finding } from '../config/problem.ts';
import { createAllowedAddresses, createUpstreamAddresses } from '../upstream/address-check.ts';

/**
 * Upstreams that Berth would ask over the public internet without TLS. Allowed, since a tunnel may lie in between, but nobody
 * should come to it by leaving out an `s`: clients' credentials and tokens, and Berth's own, pass in the clear.
 */
export function plainUpstreams(config: Pick<Config, 'registries'>): readonly Finding[] {
  return config.registries.flatMap(({ upstream, regions }, index) => {
    const path = ['registries', index];
    // Berth refuses to connect to a private address that is not listed: with an empty list, a name can only lead to a public one.
    const mayBePrivate = upstream.allowedPrivateAddresses.length > 0;
    return [
      ...warnOf(upstream.url, [...path, 'upstream', 'url'], mayBePrivate),
      ...regions.flatMap((region, at) =>
        region.upstream === null
          ? []
          : warnOf(region.upstream.url, [...path, 'regions', at, 'upstream', 'url'], mayBePrivate),
      ),
    ];
  });
}

/** Without exceptions: the public internet alone. */
const PUBLIC = createUpstreamAddresses(createAllowedAddresses([]));

function warnOf(text: string, path: ConfigPath, mayBePrivate: boolean): readonly Finding[] {
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isPrivate =
    isIP(host) === 0 ? mayBePrivate || /(^|\.)(localhost|test)$/.test(host) : !PUBLIC.has(host);
  if (url.protocol !== 'http:' || isPrivate) return [];
  return [
    {
      path,
      message: `${url.origin} is plain HTTP over the public internet: whoever is on the way reads the credentials and tokens, and can change manifests`,
      hint: `write https://${url.host}; where the name leads into a private network, say so by its CIDR in allowedPrivateAddresses`,
    },
  ];
}
