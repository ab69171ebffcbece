import { BlockList } from 'node:net';
import { formatIpv6, parseIpv6 } from '../http/ipv6.ts';
import { addressFamily, parseAddress } from './address.ts';

export type AddressSet = {
  /** Text that is no address is in no set. IPv4-mapped IPv6 counts as IPv4. */
  has(address: string): boolean;
};

/** `address` is the network's first address. */
export type Cidr = { readonly address: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6' };

/**
 * Reads `192.0.2.0/24`, `2001:db8::/32` or a bare address (one host). Bits beyond the prefix are cleared, and a
 * network within `::ffff:0:0/96` becomes the IPv4 network that it means. Undefined: neither.
 */
export function parseCidr(text: string): Cidr | undefined {
  const [host = '', length, ...rest] = text.split('/');
  const address = host.includes('%') ? undefined : parseAddress(host);
  if (address === undefined || rest.length > 0) return undefined;
  const family = addressFamily(address);
  const writtenBits = host.includes(':') ? 128 : 32;
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const written = length === undefined ? writtenBits : Number(length);
  if (written > writtenBits) return undefined;
  const mapped = writtenBits === 128 && family === 'ipv4';
  if (mapped && written < 96) {
    // Wider than the mapped range: an IPv6 network, whose first address has none of the mapped form's bits.
    return firstAddress(`::ffff:${address}`, written, 'ipv6');
  }
  return firstAddress(address, mapped ? written - 96 : written, family);
}

export function formatCidr({ address, prefix }: Cidr): string {
  return `${address}/${prefix}`;
}

/** @throws {TypeError} where a text is no CIDR; the configuration's loader has refused those with their place. */
export function createAddressSet(cidrs: readonly string[]): AddressSet {
  // Most sets of most registries are empty, and a list is memory outside of JavaScript's.
  if (cidrs.length === 0) return { has: () => false };
  // Two lists: one list alone takes IPv4 addresses to be in `::/0`, as mapped ones.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of cidrs) {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new TypeError(`not a CIDR: ${JSON.stringify(text)}`);
    lists[cidr.family].addSubnet(cidr.address, cidr.prefix, cidr.family);
  }
  return {
    has(text) {
      const address = parseAddress(text);
      if (address === undefined) return false;
      const family = addressFamily(address);
      return lists[family].check(address, family);
    },
  };
}

function firstAddress(address: string, prefix: number, family: 'ipv4' | 'ipv6'): Cidr {
  const bits = family === 'ipv4' ? 32 : 128;
  const spare = BigInt(bits - prefix);
  const first = (addressNumber(address) >> spare) << spare;
  return { address: formatNumber(first, family), prefix, family };
}

function addressNumber(address: string): bigint {
  if (!address.includes(':')) {
    return address.split('.').reduce((number, part) => (number << 8n) | BigInt(part), 0n);
  }
  const groups = parseIpv6(address) ?? [];
  return groups.reduce((number, group) => (number << 16n) | BigInt(group), 0n);
}

function formatNumber(number: bigint, family: 'ipv4' | 'ipv6'): string {
  if (family === 'ipv4') {
    return [24n, 16n, 8n, 0n].map((shift) => (number >> shift) & 0xffn).join('.');
  }
  return formatIpv6(
    Array.from({ length: 8 }, (_, index) => Number((number >> BigInt(112 - 16 * index)) & 0xffffn)),
  );
}
