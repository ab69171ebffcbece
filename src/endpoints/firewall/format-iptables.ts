import { isIPv6 } from 'node:net';

import type { AddressRules } from './address-rules.ts';
import { comment, describeEgress, describeTarget } from './describe-egress.ts';

/** Characters of a comment that the kernel keeps (`XT_MAX_COMMENT_LEN` less its end). */
const MAX_COMMENT_LENGTH = 255;

/**
 * The whole table `filter` for `iptables-restore` and `ip6tables-restore` alike: of lines with `-4` or `-6` each program
 * passes over those that are not its own (iptables(8)).
 */
export function formatIptables({ egress, targets, dnsServers, gateway }: AddressRules): string {
  const chain = gateway ? 'FORWARD' : 'OUTPUT';
  const accept = (text: string, what: string): string =>
    `-A ${chain} ${text} -m comment --comment "${what}" -j ACCEPT`;
  const to = (address: string, protocol: string, port: number): string =>
    isIPv6(address)
      ? `-6 -p ${protocol} -d ${address}/128 --dport ${port}`
      : `-4 -p ${protocol} -d ${address}/32 --dport ${port}`;
  const load = [
    'Load: iptables-restore FILE; ip6tables-restore FILE (the same file). It replaces the table filter.',
    'Addresses are those of this moment: print the rules again when DNS changes.',
  ];
  const lines = [
    ...comment(describeEgress(egress, load)),
    '*filter',
    ':INPUT ACCEPT [0:0]',
    `:FORWARD ${gateway ? 'DROP' : 'ACCEPT'} [0:0]`,
    `:OUTPUT ${gateway ? 'ACCEPT' : 'DROP'} [0:0]`,
    ...(gateway ? [] : [`-A ${chain} -o lo -j ACCEPT`]),
    `-A ${chain} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT`,
  ];
  if (!gateway) {
    // Router solicitation, neighbour solicitation and advertisement (RFC 4861): without them IPv6 finds nobody.
    for (const type of [133, 135, 136]) {
      lines.push(`-A ${chain} -6 -p ipv6-icmp --icmpv6-type ${type} -j ACCEPT`);
    }
  }
  for (const server of dnsServers) {
    for (const protocol of ['udp', 'tcp']) lines.push(accept(to(server, protocol, 53), 'DNS'));
  }
  for (const target of targets) {
    const what = describeTarget(target, MAX_COMMENT_LENGTH);
    for (const address of [...target.ipv4, ...target.ipv6]) {
      lines.push(accept(to(address, 'tcp', target.port), what));
    }
  }
  for (const { pattern, port } of egress.patterns) {
    const what = `ANY ADDRESS, for ${pattern}`.slice(0, MAX_COMMENT_LENGTH);
    lines.push(accept(`-p tcp --dport ${port}`, what));
  }
  return `${[...lines, 'COMMIT'].join('\n')}\n`;
}
