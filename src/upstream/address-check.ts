import type { lookup as dnsLookup, LookupOptions } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { embeddedIpv4, parseIpv6 } from '../http/ipv6.ts';

/** A set of addresses that can be asked. */
export type AllowedAddresses = { has(address: string): boolean };

/** An upstream name or address leads where no upstream may be. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
  readonly code = 'ERR_ADDRESS_REFUSED';
  constructor(hostname: string, address: string) {
    super(
      `${hostname} leads to ${address}, which is not on the public internet: ` +
        'add its network to upstream.allowedPrivateAddresses if it is meant to be used',
    );
  }
}

/** IANA IPv4 Special-Purpose Address Registry, multicast, and what clouds answer at. */
const SPECIAL_IPV4 = [
  '0.0.0.0/8', // this network, RFC 791
  '10.0.0.0/8', // private use, RFC 1918
  '100.64.0.0/10', // shared address space, RFC 6598
  '127.0.0.0/8', // loopback, RFC 1122
  '168.63.129.16/32', // Azure's platform address: not in the registry, yet only ever the host a machine runs on
  '169.254.0.0/16', // link local, RFC 3927: instance metadata
  '172.16.0.0/12', // private use
  '192.0.0.0/24', // IETF protocol assignments, RFC 6890
  '192.0.2.0/24', // TEST-NET-1, RFC 5737
  '192.88.99.0/24', // 6to4 relay, RFC 7526
  '192.168.0.0/16', // private use
  '198.18.0.0/15', // benchmarking, RFC 2544
  '198.51.100.0/24', // TEST-NET-2
  '203.0.113.0/24', // TEST-NET-3
  '224.0.0.0/4', // multicast, RFC 5771
  '240.0.0.0/4', // reserved and broadcast, RFC 1112
] as const;

/** Inside 2000::/3, the only space given out as global unicast (RFC 4291 §2.4), what is special all the same. */
const SPECIAL_IPV6 = [
  '2001::/23', // IETF protocol assignments: Teredo, benchmarking, ORCHID, RFC 2928
  '2001:db8::/32', // documentation, RFC 3849
  '2002::/16', // 6to4, RFC 3056: embeds any IPv4 address, deprecated
  '3fff::/20', // documentation, RFC 9637
] as const;

/** CIDRs as a set; throws on one that is none (the configuration has been checked before). */
export function createAllowedAddresses(cidrs: readonly string[]): AllowedAddresses {
  if (cidrs.length === 0) return { has: () => false };
  // One list per family: BlockList takes an IPv4 address for its IPv4-mapped form, and finds it in ::/0.
  const isIPv4 = (cidr: string): boolean => isIP(cidr.split('/', 1)[0] ?? '') === 4;
  const list4 = createBlockList(cidrs.filter(isIPv4));
  const list6 = createBlockList(cidrs.filter((cidr) => !isIPv4(cidr)));
  return { has: (address) => check(isIP(stripZone(address)) === 4 ? list4 : list6, address) };
}

/** Addresses that an upstream may have: the public internet and `allowedPrivate`. */
export function createUpstreamAddresses(allowedPrivate: AllowedAddresses): AllowedAddresses {
  const has = (address: string): boolean => {
    const plain = stripZone(address);
    if (isIP(plain) === 0) return false;
    if (allowedPrivate.has(plain)) return true;
    if (isIP(plain) === 4) return !check(PUBLIC.special4, plain);
    const embedded = innerIPv4(plain);
    if (embedded !== undefined) return allowedPrivate.has(embedded) || !check(PUBLIC.special4, embedded);
    return check(PUBLIC.global6, plain) && !check(PUBLIC.special6, plain);
  };
  return { has };
}

/** `lookup` with every address left out that no upstream may have; an error when none is left. */
export function checkedLookup(lookup: typeof dnsLookup, allowed: AllowedAddresses): LookupFunction {
  return (hostname, options, callback) => {
    const all: LookupOptions & { all: true } = { ...options, all: true };
    lookup(hostname, all, (error, addresses) => {
      if (error !== null) return callback(error, []);
      const kept = addresses.filter(({ address }) => allowed.has(address)).slice(0, MAX_ADDRESSES);
      const [first] = kept;
      if (first === undefined) {
        return callback(new AddressRefused(hostname, addresses[0]?.address ?? 'no address'), []);
      }
      if (options.all === true) return callback(null, kept);
      return callback(null, first.address, first.family);
    });
  };
}

/** Addresses tried per name: whoever writes the zone chooses how many there are. */
const MAX_ADDRESSES = 16;

function createBlockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  return list;
}

function check(list: BlockList, address: string): boolean {
  const plain = stripZone(address);
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

function stripZone(address: string): string {
  const [plain = ''] = address.split('%', 1);
  return plain;
}

/** The IPv4 address inside an IPv4-mapped (RFC 4291 §2.5.5.2) or NAT64 (64:ff9b::/96, RFC 6052) one. */
function innerIPv4(address: string): string | undefined {
  const groups = parseIpv6(address);
  const prefix = groups?.slice(0, 6).join(':');
  if (groups === undefined || (prefix !== MAPPED_PREFIX && prefix !== NAT64_PREFIX)) return undefined;
  return embeddedIpv4(groups);
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff].join(':');
const NAT64_PREFIX = [0x64, 0xff9b, 0, 0, 0, 0].join(':');

/** Once for the process, never changed: a list is some ten kilobytes, and there may be ten thousand registries of several connectors each. */
const PUBLIC = {
  special4: createBlockList(SPECIAL_IPV4),
  special6: createBlockList(SPECIAL_IPV6),
  global6: createBlockList(['2000::/3']),
} as const;
