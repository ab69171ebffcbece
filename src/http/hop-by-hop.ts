/** Fields that belong to one connection (RFC 9110 section 7.6.1), with those that old software still sends. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * A copy without hop-by-hop fields, names in lower case: what Connection lists goes first, then the fixed list. Works for
 * requests and answers. Fields without a value are left out.
 */
export function stripHopByHop(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | string[]> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const listed = new Set<string>();
  for (const [name, value] of entries) {
    // Proxy-Connection never was a standard field, but what it lists was meant for this hop as well.
    if (name !== 'connection' && name !== 'proxy-connection') continue;
    for (const line of typeof value === 'string' ? [value] : (value ?? [])) {
      for (const option of line.split(',')) listed.add(option.trim().toLowerCase());
    }
  }
  const kept: [string, string | string[]][] = [];
  for (const [name, value] of entries) {
    if (value === undefined || listed.has(name) || HOP_BY_HOP.has(name)) continue;
    kept.push([name, typeof value === 'string' ? value : [...value]]);
  }
  // Defines own properties, so that a field named `__proto__` stays a field.
  return Object.fromEntries(kept);
}
