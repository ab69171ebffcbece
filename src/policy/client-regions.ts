import { createAddressSet, parseCidr } from './address-set.ts';

/** Which region a client is served from first; undefined: none of them names it. */
export type ClientRegions = (address: string) => string | undefined;

/** Of several networks that hold an address, the one with the longest prefix counts. */
export function createClientRegions(
  regions: readonly { readonly name: string; readonly clients: readonly string[] }[],
): ClientRegions {
  const networks = regions
    .flatMap(({ name, clients }) =>
      clients.map((text) => {
        const cidr = parseCidr(text);
        // An IPv6 prefix is compared with IPv6 ones alone: no address is in both kinds.
        return { name, prefix: cidr?.prefix ?? 0, set: createAddressSet([text]) };
      }),
    )
    .toSorted((a, b) => b.prefix - a.prefix);
  return (address) => networks.find(({ set }) => set.has(address))?.name;
}
