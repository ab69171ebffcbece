import { isIP, SocketAddress } from 'node:net';

/**
 * The one spelling of an IP address: IPv6 compressed and lower case, IPv4-mapped IPv6 (`::ffff:192.0.2.1`, what a
 * dual-stack socket reports) as IPv4, without a zone. Undefined: not an IP address.
 */
export function parseAddress(text: string): string | undefined {
  const [bare = ''] = text.split('%', 1);
  const family = isIP(bare);
  if (family === 0) return undefined;
  if (family === 4) return bare;
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' });
  return MAPPED.exec(address)?.[1] ?? address;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/;

/** Of an address as `parseAddress` gives it. */
export function addressFamily(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
