import type { Egress } from './egress.ts';
import type { ResolvedTarget } from './resolve-egress.ts';

/** What the two formats without names are made from. */
export type AddressRules = {
  readonly egress: Egress;
  readonly targets: readonly ResolvedTarget[];
  /** IP addresses of the clients' DNS servers: no other address is opened for DNS, which carries data out as well. */
  readonly dnsServers: readonly string[];
  /** For a machine that forwards the clients' traffic; otherwise for the client itself. */
  readonly gateway: boolean;
};
