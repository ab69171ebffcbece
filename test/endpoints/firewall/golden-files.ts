import {
  FIREWALL_FORMATS,
  formatFirewallRules,
} from '../../../src/endpoints/firewall/format-firewall-rules.ts';
import { DNS_SERVERS, resolveSample, SAMPLES } from './sample-egress.ts';

const EXTENSIONS = {
  plain: 'txt',
  iptables: 'rules',
  nftables: 'nft',
  squid: 'conf',
  // The formatter of the repository would rewrite a file that ends in json.
  'azure-firewall': 'json.txt',
  cilium: 'yaml',
} as const;

/** The text of every file in `golden/`: format × delivery, and the two gateway forms. */
export async function goldenFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  const options = { resolve: resolveSample, dnsServers: DNS_SERVERS };
  for (const format of FIREWALL_FORMATS) {
    for (const [delivery, egress] of Object.entries(SAMPLES)) {
      const text = await formatFirewallRules(format, egress, { ...options, gateway: false });
      files.set(`${format}-${delivery}.${EXTENSIONS[format]}`, text);
    }
  }
  for (const format of ['iptables', 'nftables'] as const) {
    const text = await formatFirewallRules(format, SAMPLES.dedicated, { ...options, gateway: true });
    files.set(`${format}-gateway.${EXTENSIONS[format]}`, text);
  }
  return files;
}
