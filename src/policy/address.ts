import { isIP } from 'node:net';
import { canonicalIpv6, embeddedIpv4 } from '../http/ipv6.ts';

/**
 * The one spelling of an IP address: IPv6 compressed and lower case, IPv4-mapped IPv6 (`::ffff:192.0.2.1`, what a
 * dual-stack socket reports) as IPv4, without a zone. Undefined: not an IP address.
 */
export function parseAddress(text: string): string | undefined {
  const zone = text.indexOf('%');
  const bare = zone === -1 ? text : text.slice(0, zone);
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const address = canonicalIpv6(bare);
  const mapped = address === undefined ? null : MAPPED.exec(address);
  if (mapped === null) return address;
  return embeddedIpv4(mapped.slice(1).map((group) => Number.parseInt(group, 16)));
}

const MAPPED = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/;

/** Of an address as `parseAddress` gives it. */
export function addressFamily(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
