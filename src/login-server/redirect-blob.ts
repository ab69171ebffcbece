import { dataEndpointHost, regionForHost } from '../endpoints/endpoints.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import type { Route } from '../oci/route.ts';
import { sealTicket, TicketSealError } from '../ticket/seal-ticket.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { BlobLocation } from '../upstream/upstream-registry.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

/** Seconds before a signature's end at which its ticket ends: a request under way must still start in time. */
const SOURCE_MARGIN_SECONDS = 60;
/** Seconds for a source that does not say when it expires: the shortest lives seen are five minutes (S3). */
const UNKNOWN_EXPIRY_SECONDS = 240;

/**
 * B3: 307 to the data endpoint of the region that the location names, with a ticket. False where a ticket can not be made
 * (B7: the source needs credentials that may not be sealed), and the caller gets the blob inline.
 */
export function redirectToDataEndpoint(
  call: DoorRequest,
  { repository, digest }: Extract<Route, { kind: 'blob' }>,
  location: Exclude<BlobLocation, { kind: 'status' }>,
  caller: Caller,
  deps: LoginServerDeps,
): boolean {
  const { registry, metrics } = deps;
  const credentials = sealableCredentials(location, caller);
  if (credentials === 'not_sealable') return false;
  const region = regionOf(location, deps);
  const dataEndpoint = dataEndpointHost(registry, region);
  const nowSeconds = Math.floor(deps.now() / 1000);
  const sourceExpiry = location.kind === 'storage' ? location.expiresAt : Number.POSITIVE_INFINITY;
  const ticket: Ticket = {
    registry: registry.name,
    loginServer: call.context.host ?? registry.loginServer,
    dataEndpoint,
    region,
    repository,
    digest,
    size: location.size,
    source:
      location.kind === 'storage'
        ? { kind: 'storage', url: location.url, expiresAt: location.expiresAt }
        : { kind: 'registry', url: location.url },
    bearer: credentials.bearer,
    expiresAt: ticketExpiry(nowSeconds, deps.ticketLifetimeSeconds, sourceExpiry),
  };
  const query = seal(ticket, deps);
  if (query === undefined) return false;
  metrics.ticketsIssued.inc({});
  metrics.redirects.inc({ delivery: 'dedicated' });
  call.context.access.region = region;
  call.reply.headers({
    location: `${registry.scheme}://${dataEndpoint}/?${query}`,
    'docker-content-digest': digest,
    ...API_VERSION_FIELD,
    'cache-control': 'no-store',
    'content-length': '0',
  });
  call.reply.code(307).send();
  return true;
}

/**
 * When a ticket ends, Unix seconds: with its own lifetime, or a margin before its source does. A source that ends within
 * the margin gives half of what is left, so that a short link is short rather than useless.
 */
export function ticketExpiry(
  nowSeconds: number,
  lifetimeSeconds: number,
  sourceExpiresAt: number | undefined,
): number {
  const left = sourceExpiresAt === undefined ? UNKNOWN_EXPIRY_SECONDS : sourceExpiresAt - nowSeconds;
  const usable =
    sourceExpiresAt === undefined ? left : Math.max(left - SOURCE_MARGIN_SECONDS, Math.floor(left / 2));
  return nowSeconds + Math.min(lifetimeSeconds, Math.max(usable, 1));
}

/** B7: a source at the registry itself needs the caller's token at each request; Basic credentials never enter a link. */
function sealableCredentials(
  location: Exclude<BlobLocation, { kind: 'status' }>,
  caller: Caller,
): { readonly bearer: string | undefined } | 'not_sealable' {
  if (location.kind === 'storage' || caller.authorization === undefined) return { bearer: undefined };
  const bearer = /^Bearer +(\S+)$/i.exec(caller.authorization)?.[1];
  return bearer === undefined ? 'not_sealable' : { bearer };
}

function regionOf(location: Exclude<BlobLocation, { kind: 'status' }>, deps: LoginServerDeps): string {
  const { registry } = deps;
  // The registry's own host names no region: the first is as good as any, and nothing was left unmapped.
  const host = location.kind === 'storage' ? location.host : new URL(registry.upstream.url).host;
  const region = regionForHost(registry, host);
  if (!region.matched && location.kind === 'storage') deps.metrics.regionsUnmatched.inc({});
  return region.name;
}

function seal(ticket: Ticket, deps: LoginServerDeps): string | undefined {
  try {
    return sealTicket(deps.ticketKeys(), ticket);
  } catch (error) {
    if (error instanceof TicketSealError) return undefined;
    throw error;
  }
}
