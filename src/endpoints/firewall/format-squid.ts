import { comment, describeEgress } from './describe-egress.ts';
import { type Egress, isAddress, portsOf } from './egress.ts';

/**
 * Access rules for Squid: exact names, for CONNECT to their own port alone, and nothing else. `-n` forbids the reverse
 * lookup by which an address whose owner claims our name in DNS would pass.
 */
export function formatSquid(egress: Egress): string {
  const load = [
    'Load: include it in squid.conf, before any other http_access line; then squid -k reconfigure.',
  ];
  const lines = [...comment(describeEgress(egress, load)), 'acl berth_connect method CONNECT'];
  const allow: string[] = [];
  for (const port of portsOf(egress)) {
    lines.push(`acl berth_port_${port} port ${port}`);
    for (const { scheme, connect } of [
      { scheme: 'https', connect: 'berth_connect' },
      { scheme: 'http', connect: '!berth_connect' },
    ]) {
      const targets = egress.targets.filter((each) => each.port === port && each.scheme === scheme);
      const names = targets.filter((each) => !isAddress(each)).map(({ host }) => host);
      const addresses = targets.filter(isAddress).map(({ host }) => host);
      const patterns = scheme === 'https' ? egress.patterns.filter((each) => each.port === port) : [];
      for (const [kind, type, values] of [
        ['names', 'dstdomain -n', [...new Set(names)]],
        ['addresses', 'dst', [...new Set(addresses)]],
        ['patterns', 'dstdom_regex -n', patterns.map(({ pattern }) => regexOf(pattern))],
      ] as const) {
        if (values.length === 0) continue;
        const acl = `berth_${scheme}_${kind}_${port}`;
        // One name a line: they add up.
        for (const value of values) lines.push(`acl ${acl} ${type} ${value}`);
        allow.push(`http_access allow ${connect} berth_port_${port} ${acl}`);
      }
    }
  }
  return `${[...lines, ...allow, 'http_access deny all'].join('\n')}\n`;
}

/** `*` is one or more characters other than a dot. */
function regexOf(pattern: string): string {
  return `^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`;
}
