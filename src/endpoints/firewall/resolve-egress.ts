import { isIPv4, isIPv6 } from 'node:net';
import { describeCode } from '../../system/error-code.ts';
import type { Egress, EgressTarget } from './egress.ts';
import { FirewallError } from './firewall-error.ts';

/** All addresses of a name, of both families; throws like `dns.lookup` where there is none. */
export type ResolveHost = (name: string) => Promise<readonly string[]>;

export type ResolvedTarget = EgressTarget & {
  /** Sorted, so that the same answers give the same rules. */
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
};

/**
 * The targets with their addresses, each name asked for once.
 * @throws FirewallError `not_resolved` with every name that has no address: rules without one would cut clients off.
 */
export async function resolveEgress(
  egress: Egress,
  resolve: ResolveHost,
): Promise<readonly ResolvedTarget[]> {
  const names = [...new Set(egress.targets.map(({ host }) => host))];
  const failed: string[] = [];
  const addresses = new Map(
    await Promise.all(
      names.map(async (name) => {
        const found = await addressesOf(name, resolve);
        if (typeof found === 'string') failed.push(`${name} (${found})`);
        return [name, typeof found === 'string' ? [] : found] as const;
      }),
    ),
  );
  if (failed.length > 0) {
    const them = failed.length === 1 ? 'does' : 'do';
    throw new FirewallError(
      'not_resolved',
      `${failed.toSorted().join(', ')} ${them} not resolve here, and this format knows addresses only: run it where the clients' DNS answers, or take a format with names (plain, squid, azure-firewall, cilium)`,
    );
  }
  return egress.targets.map((target) => {
    const all = addresses.get(target.host) ?? [];
    return { ...target, ipv4: all.filter((each) => isIPv4(each)), ipv6: all.filter((each) => isIPv6(each)) };
  });
}

async function addressesOf(name: string, resolve: ResolveHost): Promise<readonly string[] | string> {
  if (isIPv4(name) || isIPv6(name)) return [name];
  try {
    // A zone names an interface of this machine, not of the clients.
    const found = (await resolve(name)).map((address) => address.replace(/%.*$/, ''));
    const usable = found.filter((address) => isIPv4(address) || isIPv6(address));
    return usable.length === 0 ? 'no address' : [...new Set(usable)].toSorted(byNumber);
  } catch (error) {
    return describeCode(error);
  }
}

/** 10.0.0.9 before 10.0.0.10. */
function byNumber(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}
