import type { IncomingHttpHeaders } from 'node:http';
import type { RegistryConfig } from '../config/config.ts';
import { stripHopByHop } from '../http/hop-by-hop.ts';
import { rewriteLinks } from '../http/link.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import { rewriteChallenge } from './rewrite-challenge.ts';

/**
 * Fields of an upstream's answer that are about the upstream's own host or connection and would be wrong, or say too
 * much, on ours, and those that tell a server before Berth which file or address to answer with. `location` is decided by each route.
 */
const DROPPED = new Set([
  'set-cookie',
  'set-cookie2',
  'strict-transport-security',
  'alt-svc',
  'public-key-pins',
  'public-key-pins-report-only',
  'expect-ct',
  'content-security-policy',
  'content-security-policy-report-only',
  'nel',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'location',
  // Rewritten below.
  'www-authenticate',
  'link',
  'refresh',
  'clear-site-data',
  'x-request-id',
  'x-sendfile',
  'x-lighttpd-send-file',
  'x-litespeed-location',
  'x-reproxy-url',
]);

/** `x-accel-redirect` and its like are nginx's. */
const DROPPED_PREFIXES = ['access-control-', 'x-accel-'];

function isDropped(name: string): boolean {
  return DROPPED.has(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * The fields that a client gets of an upstream's answer: hop-by-hop ones stripped, challenge and links rewritten, the
 * rest as it came.
 *
 * @param about `path`: raw path of the request, which relative links are relative to. `ownCredentials`: the upstream's
 * challenge is about Berth's own, not the client's, and is not passed on.
 */
export function answerHeaders(
  headers: IncomingHttpHeaders,
  about: { readonly registry: RegistryConfig; readonly path: string; readonly ownCredentials: boolean },
): Record<string, string | string[]> {
  const { registry, path } = about;
  const kept = stripHopByHop(headers, isDropped);
  const challenge = about.ownCredentials
    ? undefined
    : rewriteChallenge(headers['www-authenticate'], registry);
  if (challenge !== undefined) kept['www-authenticate'] = challenge;
  if (headers.link !== undefined) {
    const links = [headers.link].flat().join(', ');
    const rewritten = rewriteLinks(links, (uri) => localPath(uri, path, registry));
    if (rewritten !== '') kept['link'] = rewritten;
  }
  return { ...API_VERSION_FIELD, ...kept };
}

/**
 * Path and query at the login server for a reference that the upstream gave, absolute or relative to the request's own
 * path (C6); undefined where it leads out of the registry API.
 */
export function localPath(uri: string, requestPath: string, registry: RegistryConfig): string | undefined {
  const base = `${registry.upstream.url}${requestPath}`;
  if (!URL.canParse(uri, base)) return undefined;
  const { hostname, pathname, search } = new URL(uri, base);
  if (!isRegistryHost(hostname, registry) || !pathname.startsWith('/v2/')) return undefined;
  return `${pathname}${search}`;
}

/** X2: while home can not be asked, another region's registry answers, and its links name its own host. */
function isRegistryHost(hostname: string, { upstream, regions }: RegistryConfig): boolean {
  const registries = [upstream, ...regions.map((region) => region.upstream)];
  return registries.some((each) => each !== null && new URL(each.url).hostname === hostname);
}
