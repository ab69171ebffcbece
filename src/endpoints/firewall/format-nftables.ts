import { isIPv6 } from 'node:net';

import type { AddressRules } from './address-rules.ts';
import { comment, describeEgress, describeTarget } from './describe-egress.ts';

/** Characters of a rule's comment that libnftnl keeps (128 bytes with their end). */
const MAX_COMMENT_LENGTH = 127;

/** A table of its own, both families in one, that replaces itself when it is loaded again. */
export function formatNftables({ egress, targets, dnsServers, gateway }: AddressRules): string {
  const load = [
    'Load: nft -f FILE. It replaces the table inet berth and touches no other.',
    'Addresses are those of this moment: print the rules again when DNS changes.',
  ];
  const hook = gateway ? 'forward' : 'output';
  const rules: string[] = [];
  if (!gateway) rules.push('oifname "lo" accept');
  rules.push('ct state established,related accept');
  if (!gateway) {
    // RFC 4861: without them IPv6 finds nobody.
    rules.push('icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } accept');
  }
  for (const address of dnsServers) {
    rules.push(`${destination([address])} meta l4proto { tcp, udp } th dport 53 accept comment "DNS"`);
  }
  for (const target of targets) {
    const what = describeTarget(target, MAX_COMMENT_LENGTH);
    for (const addresses of [target.ipv4, target.ipv6]) {
      if (addresses.length === 0) continue;
      rules.push(`${destination(addresses)} tcp dport ${target.port} accept comment "${what}"`);
    }
  }
  for (const { pattern, port } of egress.patterns) {
    const what = `ANY ADDRESS, for ${pattern}`.slice(0, MAX_COMMENT_LENGTH);
    rules.push(`tcp dport ${port} accept comment "${what}"`);
  }
  const lines = [
    ...comment(describeEgress(egress, load)),
    'table inet berth',
    'delete table inet berth',
    'table inet berth {',
    '\tchain egress {',
    `\t\ttype filter hook ${hook} priority filter; policy drop;`,
    ...rules.map((rule) => `\t\t${rule}`),
    '\t}',
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** Addresses of one family. */
function destination(addresses: readonly string[]): string {
  const [first = ''] = addresses;
  const family = isIPv6(first) ? 'ip6' : 'ip';
  return `${family} daddr ${addresses.length === 1 ? first : `{ ${addresses.join(', ')} }`}`;
}
