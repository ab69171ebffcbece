import { canonicalIpv6 } from './ipv6.ts';

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
// 253 characters of name, or 45 of IPv6 with brackets, and `:65535`.
const MAX_LENGTH = 260;
const DEFAULT_PORT = { http: 80, https: 443 };

/**
 * The value of a Host field, or host[:port] from elsewhere, as `host[:port]` in lower case, without the scheme's own port, without
 * a final dot, IPv6 in brackets and in its canonical form. Undefined for everything else: user information, a path, spaces,
 * non-ASCII, a port outside 1-65535, and numbers that other software reads as an IPv4 address (`127.1`, `0x7f.1`).
 */
export function parseHost(value: string, scheme: 'http' | 'https'): string | undefined {
  if (value.length === 0 || value.length > MAX_LENGTH) return undefined;
  const { name, port } = split(value);
  const host = name.startsWith('[') ? bracketedIpv6(name) : canonicalName(name);
  if (host === undefined) return undefined;
  if (port === undefined || port === '') return host;
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return undefined;
  return Number(port) === DEFAULT_PORT[scheme] ? host : `${host}:${port}`;
}

/** The host without its port; IPv6 keeps its brackets. */
export function hostname(host: string): string {
  return split(host).name;
}

/**
 * Whether `host` is `parent` or below it, ports ignored: the rule by which Go's HTTP client sends Authorization along with a
 * redirect. Both as `parseHost` gives them.
 */
export function isSameOrSubdomain(host: string, parent: string): boolean {
  const name = hostname(host);
  const above = hostname(parent);
  return name === above || (!above.startsWith('[') && name.endsWith(`.${above}`));
}

/**
 * Whether `host` (as `parseHost` gives it) fits `pattern`: `*` stands for one or more characters other than a dot; everything
 * else, the port included, must be the same. Never more than one label per `*`, and no `*` in ports.
 */
export function matchHostPattern(pattern: string, host: string): boolean {
  const wanted = split(pattern.toLowerCase());
  const given = split(host);
  if (wanted.port !== given.port) return false;
  const patterns = wanted.name.split('.');
  const labels = given.name.split('.');
  return (
    patterns.length === labels.length &&
    patterns.every((labelPattern, index) => matchLabel(labelPattern, labels[index] ?? ''))
  );
}

/** Remembers the last `*` alone and lets it take one character more at each mismatch: at most product of both lengths. */
function matchLabel(pattern: string, label: string): boolean {
  let inPattern = 0;
  let inLabel = 0;
  let star = -1;
  let taken = 0;
  while (inLabel < label.length) {
    if (pattern[inPattern] === '*') {
      star = inPattern;
      taken = inLabel + 1;
    } else if (pattern[inPattern] === label[inLabel]) {
      inPattern += 1;
      inLabel += 1;
      continue;
    } else if (star >= 0) {
      taken += 1;
    } else {
      return false;
    }
    inPattern = star + 1;
    inLabel = taken;
  }
  return inLabel === label.length && inPattern === pattern.length;
}

function split(value: string): { name: string; port: string | undefined } {
  const colon = value.lastIndexOf(':');
  if (colon < 0 || colon < value.lastIndexOf(']')) return { name: value, port: undefined };
  return { name: value.slice(0, colon), port: value.slice(colon + 1) };
}

function canonicalName(name: string): string | undefined {
  const lower = (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
  if (lower.length > 253) return undefined;
  const labels = lower.split('.');
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  // What ends in a number is an IPv4 address to the URL standard and to inet_aton, in whatever notation.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') && !IPV4.test(lower)) return undefined;
  return lower;
}

function bracketedIpv6(name: string): string | undefined {
  const address = name.endsWith(']') ? canonicalIpv6(name.slice(1, -1)) : undefined;
  return address === undefined ? undefined : `[${address}]`;
}
