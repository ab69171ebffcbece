/**
 * A URL cut in two without touching its bytes. `URL` would re-encode, drop and resolve; a signed path must reach
 * storage as the registry wrote it (ACR's has a literal `//`).
 */
export type RawUrl = {
  readonly scheme: 'http' | 'https';
  /** Canonical: lower case, the scheme's own port left out, IPv6 in brackets. */
  readonly host: string;
  /** `scheme://host`, as undici takes it. */
  readonly origin: string;
  /** Path and query, byte for byte; `/` is put before a query that has no path. */
  readonly path: string;
};

/**
 * RFC 3986 §3 for http(s), narrower: no userinfo, no fragment, no backslash (which `URL` reads as a slash), nothing but
 * printable ASCII: what is checked here and what the peer reads must be the same thing.
 */
const RAW_URL =
  /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(\/[!-"$-[\]-~]*)?(\?[!-"$-[\]-~]*)?$/i;

/** Undefined: not an absolute http(s) URL, or one that two parsers could read differently. */
export function parseRawUrl(text: string): RawUrl | undefined {
  const match = RAW_URL.exec(text);
  if (match === null || !URL.canParse(text)) return undefined;
  // The URL parser decides the host only: it turns 127.1 and 0x7f000001 into the address they mean.
  const { protocol, host } = new URL(text);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, host, origin: `${scheme}://${host}`, path: `${match[4] ?? '/'}${match[5] ?? ''}` };
}
