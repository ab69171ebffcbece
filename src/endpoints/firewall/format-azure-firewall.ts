import { type Egress, type EgressPattern, type EgressTarget, isAddress } from './egress.ts';
import { FirewallError } from './firewall-error.ts';

/** From 100 to 65000, lower first: room on both sides. */
const PRIORITY = 200;

/**
 * One element of `properties.applicationRuleCollections` of `Microsoft.Network/azureFirewalls`. What no rule allows
 * Azure Firewall denies by itself.
 * @throws FirewallError `not_expressible` for addresses and for wildcards that are not a whole first label.
 */
export function formatAzureFirewall(egress: Egress): string {
  const rules = [
    ...egress.targets.map((target) => {
      if (isAddress(target)) {
        throw new FirewallError(
          'not_expressible',
          `the ${target.use} of ${target.registry} is the address ${target.host}, and application rules know names only: give it a name, or write a network rule`,
        );
      }
      return { ...target, fqdn: target.host };
    }),
    ...egress.patterns.map((entry) => {
      if (!/^\*\.[^*]+$/.test(entry.pattern)) {
        throw new FirewallError(
          'not_expressible',
          `Azure Firewall knows a wildcard only as the first label, so "${entry.pattern}" can not be said without opening more: turn data endpoints on for ${entry.registry}`,
        );
      }
      return { ...entry, use: 'storage' as const, scheme: 'https' as const, fqdn: entry.pattern };
    }),
  ];
  const collection = {
    name: `berth-${egress.registries.join('-')}`.slice(0, 80),
    properties: {
      priority: PRIORITY,
      action: { type: 'Allow' },
      rules: rules.map((rule, index) => ({
        name: nameOf(rule, index),
        description: `${rule.use} of ${rule.registry}`,
        sourceAddresses: ['*'],
        protocols: [{ protocolType: rule.scheme === 'https' ? 'Https' : 'Http', port: rule.port }],
        targetFqdns: [rule.fqdn],
      })),
    },
  };
  return `${JSON.stringify(collection, null, 2)}\n`;
}

/** Unique in the collection. */
function nameOf(
  { registry, use }: Pick<EgressTarget, 'registry' | 'use'> | (EgressPattern & { use: 'storage' }),
  index: number,
): string {
  return `${index + 1}-${registry}-${use.replaceAll(' ', '-')}`.slice(0, 80);
}
