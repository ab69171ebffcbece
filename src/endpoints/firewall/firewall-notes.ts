import { isIP } from 'node:net';

import type { ListenerConfig, RegistryConfig } from '../../config/config.ts';
import { removableNote } from './describe-egress.ts';
import { type Egress, portsOf } from './egress.ts';
import { type FirewallFormat, needsAddresses } from './format-firewall-rules.ts';

export type FirewallNotesInput = {
  readonly format: FirewallFormat;
  readonly egress: Egress;
  readonly registries: readonly RegistryConfig[];
  readonly listeners: readonly ListenerConfig[];
  readonly dnsServers: readonly string[];
};

/** What the operator has to know beside the rules, one sentence or two each; for standard error. */
export function firewallNotes(input: FirewallNotesInput): readonly string[] {
  const { format, egress, registries, listeners, dnsServers } = input;
  const notes: string[] = [];
  for (const { name, delivery, rollout } of registries) {
    if (delivery === 'dedicated' && rollout.percent < 100) {
      notes.push(
        `Warning: the rollout of registry ${name} covers ${rollout.percent} % of the clients, so the rules let all others go to storage as before. "berth report migration --name ${name}" tells when that can end.`,
      );
    }
    if (delivery !== 'passthrough') continue;
    const hosts = egress.patterns.filter(({ registry }) => registry === name);
    const shown = hosts.map(({ pattern }) => pattern).join(', ');
    notes.push(
      `Warning: data endpoints are off for registry ${name}, so clients go to storage themselves${
        shown === '' ? '' : `, and the rules let them reach everybody's below ${shown}`
      }. To close that, set "delivery: dedicated" (or "dataEndpointEnabled: true") and "dataEndpoint".`,
    );
  }
  if (needsAddresses(format)) {
    if (egress.patterns.length > 0) {
      const ports = [...new Set(egress.patterns.map(({ port }) => port))].join(', ');
      notes.push(
        `Warning: ${format} knows no names, so the wildcard is every address there is, on port ${ports}.`,
      );
    }
    notes.push(...dnsNotes(dnsServers));
  }
  for (const port of portsOf(egress)) {
    if (egress.targets.every((each) => each.port !== port || each.use === 'storage')) continue;
    if (listeners.some((listener) => listener.port === port)) continue;
    notes.push(`No listener has port ${port}, which clients are told: something in front has to pass it on.`);
  }
  for (const { name, aliases } of registries) {
    if (aliases.length === 0) continue;
    notes.push(`The aliases of ${name} are not in the rules, only its login server: ${aliases.join(', ')}.`);
  }
  // JSON has no comments.
  const removable = format === 'azure-firewall' ? removableNote(egress) : undefined;
  return removable === undefined ? notes : [...notes, `${removable}.`];
}

function dnsNotes(dnsServers: readonly string[]): readonly string[] {
  if (dnsServers.length === 0) {
    return [
      'Warning: no DNS server is known, so the rules let no DNS through: name those of the clients with --dns.',
    ];
  }
  const local = dnsServers.filter((server) =>
    isIP(server) === 4 ? server.startsWith('127.') : server === '::1',
  );
  if (local.length === 0) return [];
  return [
    `Warning: ${local.join(', ')} is a resolver on the machine itself, and the servers that it asks are not in the rules: name those of the clients with --dns.`,
  ];
}
