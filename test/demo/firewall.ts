import { matchHostPattern } from '../../src/http/host.ts';

/** Egress rules of a client: names it may reach, and what it tried beyond them. */
export type Firewall = {
  readonly rules: readonly string[];
  /** Hostnames that were refused, in order. */
  readonly refused: string[];
  /** The route of a client behind this firewall; throws NameRefused. */
  readonly route: (hostname: string, port: number) => { address: string; port: number };
};

export class NameRefused extends Error {
  override readonly name = 'NameRefused';
  readonly code = 'name_refused';
  readonly hostname: string;

  constructor(hostname: string) {
    super(`the firewall has no rule for ${hostname}`);
    this.hostname = hostname;
  }
}

/**
 * Lets through what a rule names; `*` is one label or a part of it. `portOf` says where a name's port 443 is in
 * this demo, since nobody here may listen on 443.
 */
export function createFirewall(
  rules: readonly string[],
  portOf: (hostname: string) => number | undefined,
): Firewall {
  const refused: string[] = [];
  return {
    rules,
    refused,
    route(hostname, port) {
      if (!rules.some((rule) => matchHostPattern(rule, hostname))) {
        refused.push(hostname);
        throw new NameRefused(hostname);
      }
      return { address: '127.0.0.1', port: portOf(hostname) ?? port };
    },
  };
}
