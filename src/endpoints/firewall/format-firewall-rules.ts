import type { Egress } from './egress.ts';
import { formatAzureFirewall } from './format-azure-firewall.ts';
import { formatCilium } from './format-cilium.ts';
import { formatIptables } from './format-iptables.ts';
import { formatNftables } from './format-nftables.ts';
import { formatPlain } from './format-plain.ts';
import { formatSquid } from './format-squid.ts';
import { type ResolveHost, resolveEgress } from './resolve-egress.ts';

export const FIREWALL_FORMATS = [
  'plain',
  'iptables',
  'nftables',
  'squid',
  'azure-firewall',
  'cilium',
] as const;

export type FirewallFormat = (typeof FIREWALL_FORMATS)[number];

/** Whether the program knows no names, so that its rules hold for the addresses of one moment. */
export function needsAddresses(format: FirewallFormat): format is 'iptables' | 'nftables' {
  return format === 'iptables' || format === 'nftables';
}

export type FirewallOptions = {
  readonly resolve: ResolveHost;
  readonly dnsServers: readonly string[];
  readonly gateway: boolean;
};

/**
 * The rules as the program takes them.
 * @throws FirewallError where a name does not resolve, or where the format has no way to say what is needed.
 */
export async function formatFirewallRules(
  format: FirewallFormat,
  egress: Egress,
  { resolve, dnsServers, gateway }: FirewallOptions,
): Promise<string> {
  switch (format) {
    case 'plain':
      return formatPlain(egress);
    case 'squid':
      return formatSquid(egress);
    case 'azure-firewall':
      return formatAzureFirewall(egress);
    case 'cilium':
      return formatCilium(egress);
    case 'iptables':
    case 'nftables': {
      const rules = { egress, targets: await resolveEgress(egress, resolve), dnsServers, gateway };
      return format === 'iptables' ? formatIptables(rules) : formatNftables(rules);
    }
  }
}
