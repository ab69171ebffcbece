import { isIP } from 'node:net';

import { Command, InvalidArgumentError, Option } from 'commander';

import { createEgress } from '../endpoints/firewall/egress.ts';
import { firewallNotes } from '../endpoints/firewall/firewall-notes.ts';
import {
  FIREWALL_FORMATS,
  type FirewallFormat,
  formatFirewallRules,
  needsAddresses,
} from '../endpoints/firewall/format-firewall-rules.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { collect } from './parse-option.ts';
import { readConfig, selectRegistry } from './read-config.ts';
import { registryInForce } from './registry-in-force.ts';

type Options = {
  config?: string;
  name?: string[];
  format: FirewallFormat;
  dns?: string[];
  gateway: boolean;
};

/** `berth firewall-rules`: the exact egress of clients, as the firewall's own program takes it. */
export function createFirewallRulesCommand(deps: CliDeps): Command {
  return new Command('firewall-rules')
    .description(
      'Prints the exact egress rules for clients: login server and data endpoints, nothing else. iptables and nftables get the addresses that the names have now. Warnings go to standard error.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option(
      '-n, --name <registry...>',
      'names of the registries that the same clients use; may be left out where there is only one',
      collect,
    )
    .addOption(new Option('--format <format>', 'whose rules').choices(FIREWALL_FORMATS).default('plain'))
    .option(
      '--dns <address...>',
      "with iptables, nftables: the clients' DNS servers (default: those of this machine)",
      collectAddresses,
    )
    .option(
      '--gateway',
      "with iptables, nftables: rules for a machine that forwards the clients' traffic, not for the client itself",
      false,
    )
    .action(async (options: Options) => {
      const { format, gateway, dns } = options;
      if (!needsAddresses(format) && (dns !== undefined || gateway)) {
        throw new CliError(
          '--dns and --gateway only work with --format iptables or nftables',
          EXIT.wrongUsage,
        );
      }
      const { config } = await readConfig(options.config, deps);
      const names: readonly (string | undefined)[] = options.name ?? [undefined];
      const chosen = [...new Set(names.map((name) => selectRegistry(config, name)))];
      const registries = await Promise.all(chosen.map((registry) => registryInForce(registry, config, deps)));
      const egress = createEgress(registries);
      const dnsServers = dns ?? deps.dnsServers().filter(isPlainAddress);
      const resolve = (host: string) => deps.resolveHost(host);
      deps.stdout(await formatFirewallRules(format, egress, { resolve, dnsServers, gateway }));
      const { listeners } = config;
      for (const note of firewallNotes({ format, egress, registries, listeners, dnsServers })) {
        deps.stderr(`${note}\n`);
      }
    });
}

function collectAddresses(text: string, earlier: readonly string[] = []): string[] {
  const all = collect(text, earlier);
  const wrong = all.find((address) => !isPlainAddress(address));
  if (wrong === undefined) return all;
  throw new InvalidArgumentError(`"${wrong}" is not an IP address.`);
}

/** Without a port, and without a zone, which names an interface of one machine. */
function isPlainAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}
