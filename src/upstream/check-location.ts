import type { RedirectHost } from '../config/config.ts';
import { matchHostPattern } from '../http/host.ts';
import type { RedirectRefusal } from '../metrics/metrics.ts';
import { parseRawUrl, type RawUrl } from './raw-url.ts';

/** What a registry may redirect to. */
export type LocationRules = {
  readonly redirectHosts: readonly RedirectHost[];
  /** `scheme://host` of the upstream: always among the allowed targets. */
  readonly upstreamOrigin: string;
  /** Only where the upstream itself is reached by plain http. */
  readonly allowHttp: boolean;
};

export type CheckedLocation =
  | {
      readonly kind: 'ok';
      /** Absolute; the bytes of an absolute Location as they came. */
      readonly url: string;
      /** Canonical `host[:port]`. */
      readonly host: string;
      readonly target: RawUrl;
      readonly sameOrigin: boolean;
    }
  | {
      readonly kind: 'refused';
      readonly reason: RedirectRefusal;
      /** Canonical `host[:port]`, 255 characters at most, where nothing but this or its path is the reason. */
      readonly host?: string;
    };

/**
 * `checkLocation` under the rules of one registry.
 *
 * @param hop redirects followed so far in the same question; `MAX_HOPS` and more are refused
 */
export type CheckLocation = (
  location: string | readonly string[] | undefined,
  base: string | URL,
  hop?: number,
) => CheckedLocation;

/** Redirects followed in one question: registry to mirror to storage to its CDN is the longest seen. */
export const MAX_HOPS = 3;

/** Bytes. A signed URL with a session token (S3) reaches 3 KiB; Node's own header limit is 16 KiB for all fields. */
export const MAX_LOCATION_LENGTH = 8192;

/**
 * Decides whether a Location (RFC 9110 §10.2.2) may be followed or handed out. Says nothing about where the name
 * resolves to: that is checked when the connection is made (`connector.ts`), and only then can it not change any more.
 *
 * @param base URL of the request that was answered with it
 */
export function checkLocation(
  location: string | readonly string[] | undefined,
  base: string | URL,
  rules: LocationRules,
): CheckedLocation {
  if (typeof location !== 'string' || location === '') return refused('malformed');
  if (location.length > MAX_LOCATION_LENGTH) return refused('too_long');
  // Outside printable ASCII: `URL` drops tabs and newlines, another reader might split a header at them.
  if (/[^!-~]/.test(location)) return refused('malformed');
  if (location.includes('#')) return refused('fragment_in_url');
  const url = resolveLocation(location, String(base));
  if (url === undefined) return refused('malformed');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== 'https' && scheme !== 'http') return refused('scheme_not_allowed');
  if (/^[a-z]+:\/\/[^/?\\]*@/i.test(url)) return refused('credentials_in_url');
  const target = parseRawUrl(url);
  if (target === undefined) return refused('malformed');
  const [path = ''] = target.path.split('?', 1);
  if (path.split('/').some(isDotSegment)) return refused('malformed');
  const sameOrigin = target.origin === rules.upstreamOrigin;
  if (target.scheme === 'http' && !rules.allowHttp) return refused('scheme_not_allowed');
  if (!sameOrigin) {
    const listed = rules.redirectHosts.filter(({ host }) => matchHostPattern(host, target.host));
    if (listed.length === 0) return refused('host_not_listed', target.host);
    if (!listed.some(({ pathPattern }) => pathPattern === null || matchesWhole(pathPattern, path))) {
      return refused('path_not_listed', target.host);
    }
  }
  return { kind: 'ok', url, host: target.host, target, sameOrigin };
}

function refused(reason: RedirectRefusal, host?: string): CheckedLocation {
  return { kind: 'refused', reason, ...(host !== undefined && { host: host.slice(0, MAX_HOST_LENGTH) }) };
}

/** RFC 1035 §2.3.4: no name is longer; it goes into a line of the log. */
const MAX_HOST_LENGTH = 255;

/**
 * RFC 3986 §5.2 with the bytes kept wherever the reference carries a whole path; nothing is checked. Undefined: it can not
 * be resolved.
 *
 * @param base URL of the request that was answered with it
 */
export function resolveLocation(location: string, base: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return location;
  const from = parseRawUrl(base);
  if (from === undefined) return undefined;
  if (location.startsWith('//')) return `${from.scheme}:${location}`;
  if (location.startsWith('/')) return `${from.origin}${location}`;
  if (location.startsWith('?')) return `${from.origin}${from.path.split('?', 1)[0]}${location}`;
  return URL.canParse(location, base) ? new URL(location, base).href : undefined;
}

/** `.`, `..` and their encoded forms: a path pattern would be checked on other bytes than the peer resolves. */
function isDotSegment(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

function matchesWhole(pattern: string, path: string): boolean {
  return new RegExp(`^(?:${pattern})$`).test(path);
}
