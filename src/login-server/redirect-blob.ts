import { dataEndpointHost, regionForHost } from '../endpoints/endpoints.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import { takeResponse } from '../listener/take-response.ts';
import { API_VERSION_FIELD } from '../oci/api-version.ts';
import type { Route } from '../oci/route.ts';
import { sealTicket, TicketSealError } from '../ticket/seal-ticket.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { BlobLocation } from '../upstream/upstream-registry.ts';
import type { Caller } from './caller.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

type FoundBlob = Exclude<BlobLocation, { kind: 'status' }>;

/** Seconds before a signature's end at which its ticket ends: a request under way must still start in time. */
const SOURCE_MARGIN_SECONDS = 60;
/** Seconds for a source that does not say when it expires: the shortest lives seen are five minutes (S3). */
const UNKNOWN_EXPIRY_SECONDS = 240;
/** Seconds below which a link may end amid a large blob, 2 GiB at 20 Mbit/s. Azure Container Registry's live for 20 to 30 minutes. */
const SHORT_SOURCE_SECONDS = 900;

/**
 * B3: 307 to the data endpoint of the region that the location names, with a ticket. False where a ticket can not be made
 * (B7: the source needs credentials that may not be sealed), and the caller gets the blob inline.
 */
export function redirectToDataEndpoint(
  call: DoorRequest,
  { repository, digest }: Extract<Route, { kind: 'blob' }>,
  { location, isPublic }: { readonly location: FoundBlob; readonly isPublic: boolean },
  caller: Caller,
  deps: LoginServerDeps,
): boolean {
  const { registry, metrics } = deps;
  const nowSeconds = Math.floor(deps.now() / 1000);
  const sourceExpiry = location.kind === 'storage' ? location.expiresAt : Number.POSITIVE_INFINITY;
  const bearer = bearerOf(caller);
  const needsCaller = registry.upstream.auth === null && caller.authorization !== undefined;
  // B7: Basic credentials never enter a link.
  if (location.kind === 'registry' && needsCaller && bearer === undefined) return false;
  const isShort = sourceExpiry === undefined || sourceExpiry - nowSeconds < SHORT_SOURCE_SECONDS;
  // E5: what everybody may have is renewed without credentials.
  const isSealed = needsCaller && (location.kind === 'registry' || (isShort && !isPublic));
  const region = regionOf(location, call.context.clientAddress, deps);
  const dataEndpoint = dataEndpointHost(registry, region);
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
    bearer: isSealed ? bearer : undefined,
    expiresAt: ticketExpiry(nowSeconds, deps.ticketLifetimeSeconds, sourceExpiry),
  };
  const query = seal(ticket, deps);
  if (query === undefined) return false;
  metrics.ticketsIssued.inc({});
  metrics.redirects.inc({ delivery: 'dedicated' });
  call.context.access.region = region;
  // Not through Fastify, as for manifests: its way for an answer is dear.
  takeResponse(call.reply)
    .writeHead(307, {
      'x-request-id': call.context.requestId,
      location: `${registry.scheme}://${dataEndpoint}/?${query}`,
      'docker-content-digest': digest,
      ...API_VERSION_FIELD,
      'cache-control': 'no-store',
      'content-length': '0',
    })
    .end();
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

/** The token alone, where it may be sealed. */
function bearerOf({ authorization }: Caller): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

/** B3, X5. */
function regionOf(location: FoundBlob, clientAddress: string, deps: LoginServerDeps): string {
  const { registry, upstream } = deps;
  const host = location.kind === 'storage' ? location.host : new URL(location.url).host;
  const named = regionForHost(registry, host);
  if (named.matched) return named.name;
  // The registry's own host names no region, and nothing was left unmapped.
  if (location.kind === 'storage') deps.metrics.regionsUnmatched.inc({});
  const isUsable = (region: string | undefined): region is string =>
    region !== undefined && (upstream.regions?.isUsable(region) ?? true);
  const asked = location.region === named.name ? undefined : location.region;
  return [asked, deps.clientRegions(clientAddress), named.name].find(isUsable) ?? named.name;
}

function seal(ticket: Ticket, deps: LoginServerDeps): string | undefined {
  try {
    return sealTicket(deps.ticketKeys(), ticket);
  } catch (error) {
    if (!(error instanceof TicketSealError)) throw error;
    // E5: storage asks for no token; without one in the ticket its link is only not renewed.
    const isOnlyForRenewal = ticket.source.kind === 'storage' && ticket.bearer !== undefined;
    return isOnlyForRenewal ? seal({ ...ticket, bearer: undefined }, deps) : undefined;
  }
}
