import type { ListenerConfig, NetworkRules as NetworkRulesConfig } from '../config/config.ts';
import { parseAddress } from './address.ts';
import { createAddressSet } from './address-set.ts';

export type NetworkDecision =
  | 'allowed'
  /** By `networkRules`. */
  | 'network_rule'
  /** By `publicNetworkAccess: false`. */
  | 'public_network';

export type NetworkRules = {
  /** `address` as `clientAddress` gives it; `network` of the listener that the client came to. */
  decide(from: {
    readonly clientAddress: string;
    readonly network: ListenerConfig['network'];
  }): NetworkDecision;
};

/**
 * Where a registry may be reached from. A public listener is closed to it by `publicNetworkAccess: false`, whatever the
 * rules say; then deny rules beat allow rules, and any rule beats the default action. One lookup in each of two trees
 * (`net.BlockList`), however many rules there are.
 *
 * @throws {TypeError} where a rule is no CIDR; the configuration's loader has refused those with their place.
 */
export function createNetworkRules(registry: {
  readonly publicNetworkAccess: boolean;
  readonly networkRules: NetworkRulesConfig;
}): NetworkRules {
  const { defaultAction, ipRules } = registry.networkRules;
  const valuesOf = (action: 'allow' | 'deny') =>
    ipRules.filter((rule) => rule.action === action).map(({ value }) => value);
  const denied = createAddressSet(valuesOf('deny'));
  const allowed = createAddressSet(valuesOf('allow'));
  const isOpen = defaultAction === 'allow' && ipRules.length === 0;

  function isAllowed(address: string): boolean {
    // An address that can not be read is in no rule, so it might escape one that was meant for it.
    if (isOpen) return true;
    if (parseAddress(address) === undefined || denied.has(address)) return false;
    return defaultAction === 'allow' || allowed.has(address);
  }

  return {
    decide({ clientAddress, network }) {
      if (network === 'public' && !registry.publicNetworkAccess) return 'public_network';
      return isAllowed(clientAddress) ? 'allowed' : 'network_rule';
    },
  };
}
