import { parseAddress } from './address.ts';
import { formatCidr, parseCidr } from './address-set.ts';

/** What stands for text that is no address. */
const UNKNOWN_NETWORK = 'unknown';

/** The network a client is counted with: the /24 of IPv4, the /64 of IPv6, which are what one site or host usually has. */
export function clientNetwork(text: string): string {
  const address = parseAddress(text);
  const cidr = address === undefined ? undefined : parseCidr(`${address}/${address.includes(':') ? 64 : 24}`);
  return cidr === undefined ? UNKNOWN_NETWORK : formatCidr(cidr);
}
