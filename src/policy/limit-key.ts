import { parseAddress } from './address.ts';
import { clientNetwork } from './client-network.ts';

/** Who counts as one client: one IPv6 host has a whole /64 at its hands (RFC 4291 §2.5.1); of IPv4 it is the address. */
export function limitKey(text: string): string {
  const address = parseAddress(text) ?? 'unknown';
  return address.includes(':') ? clientNetwork(address) : address;
}
