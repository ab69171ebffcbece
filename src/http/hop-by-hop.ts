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

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

const NONE: ReadonlySet<string> = new Set();
const nothing = (): boolean => false;

/**
 * A copy without hop-by-hop fields, names in lower case: what Connection lists goes first, then the fixed list. Works for
 * requests and answers. Fields without a value are left out, and those that `also` says, of a name in lower case.
 */
export function stripHopByHop(
  headers: Fields,
  also: (name: string) => boolean = nothing,
): Record<string, string | string[]> {
  // Twice for every request that goes further: no arrays of pairs, and no set where Connection lists nothing.
  const listed = listedFields(headers);
  const kept: Record<string, string | string[]> = {};
  for (const key of Object.keys(headers)) {
    const value = headers[key];
    const name = key.toLowerCase();
    if (value === undefined || HOP_BY_HOP.has(name) || listed.has(name) || also(name)) continue;
    setField(kept, name, typeof value === 'string' ? value : [...value]);
  }
  return kept;
}

/** What `Connection` lists: fields that were meant for this hop alone. */
function listedFields(headers: Fields): ReadonlySet<string> {
  let listed: Set<string> | undefined;
  for (const key of Object.keys(headers)) {
    // Proxy-Connection never was a standard field, but what it lists was meant for this hop as well.
    if (!CONNECTION.test(key)) continue;
    for (const line of [headers[key] ?? []].flat()) {
      // Nearly always, and it stands in the fixed list.
      if (line === 'keep-alive') continue;
      listed ??= new Set();
      for (const option of line.split(',')) listed.add(option.trim().toLowerCase());
    }
  }
  return listed ?? NONE;
}

const CONNECTION = /^(proxy-)?connection$/i;

/** A field named `__proto__` stays a field. */
function setField(fields: Record<string, string | string[]>, name: string, value: string | string[]): void {
  if (name !== '__proto__') fields[name] = value;
  else Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
}
