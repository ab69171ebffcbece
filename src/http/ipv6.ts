/**
 * The eight 16-bit groups of an IPv6 address, in any of its spellings (RFC 4291 §2.2); undefined where the text is none. A
 * zone is no part of an address.
 */
export function parseIpv6(text: string): number[] | undefined {
  const canonical = canonicalIpv6(text);
  if (canonical === undefined) return undefined;
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

/** The one spelling of an address (RFC 5952 §4, IPv4 parts in hexadecimal), without brackets; undefined where the text is none. */
export function canonicalIpv6(text: string): string | undefined {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return undefined;
  return URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
}

/** Inverse of `parseIpv6`, in canonical spelling. */
export function formatIpv6(groups: readonly number[]): string {
  const text = groups.map((group) => group.toString(16)).join(':');
  return canonicalIpv6(text) ?? text;
}

/** The IPv4 address that the last two groups spell. */
export function embeddedIpv4(groups: readonly number[]): string {
  return groups
    .slice(-2)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
