import { type BlobSourceDeps, createBlobSource } from '../blob/create-blob-source.ts';
import { lazySource } from '../blob/lazy-source.ts';
import { createRenewSource, type RenewSource } from '../blob/renew-source.ts';
import type { BlobResponder } from '../blob/respond-blob.ts';
import type { RegistryConfig } from '../config/config.ts';
import type { DoorRequest } from '../listener/door-request.ts';
import type { RequestContext } from '../listener/request-context.ts';
import { takeResponse } from '../listener/take-response.ts';
import { parseDigest } from '../oci/digest.ts';
import { ociError } from '../oci/error.ts';
import { parseRepositoryName } from '../oci/repository-name.ts';
import type { ClientRegions } from '../policy/client-regions.ts';
import { limitKey } from '../policy/limit-key.ts';
import type { RepositoryRules } from '../policy/repository-rules.ts';
import { openTicket } from '../ticket/open-ticket.ts';
import type { Ticket } from '../ticket/ticket.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';
import type { Collapse } from '../upstream/collapse.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import type { BlobLocation, UpstreamRegistry } from '../upstream/upstream-registry.ts';

export type DataEndpointDeps = BlobSourceDeps & {
  /** Questions for fresh links that are under way. */
  readonly renewals: Collapse<BlobLocation>;
  readonly registry: RegistryConfig;
  readonly clientRegions: ClientRegions;
  readonly upstream: UpstreamRegistry;
  readonly repositoryRules: RepositoryRules;
  readonly ticketKeys: () => TicketKeys;
  readonly responder: BlobResponder;
  /** Told of a repository whose link was refused by its source: what was decided with it would lead there again. */
  readonly onLinkRefused: (repository: string) => Promise<void>;
  /** What an upstream is refused amid a body is an event of the request (U1). */
  readonly auditFailure: (context: RequestContext, failure: UpstreamFailure) => void;
  /** Told the client's address with each valid ticket: a firewall that was in the way is not any more. */
  readonly onTicket: (clientAddress: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
};

/**
 * Door 2: blob bytes for ticket holders, and nothing else (docs/request-handling.md D1–D13). No field of the request but
 * Range and its conditions is read; in particular no credentials, which some clients send along by mistake.
 */
export function createDataEndpoint(
  deps: DataEndpointDeps,
): (call: DoorRequest, host: string, region: string) => Promise<void> {
  return async (call, host, region) => {
    const { request, context } = call;
    const { method } = request.raw;
    context.access.route = 'blob';
    context.access.region = region;
    if (method !== 'GET' && method !== 'HEAD') {
      context.refuse('method');
      throw ociError('UNSUPPORTED', {
        message: 'A data endpoint answers GET and HEAD only; everything else goes to the login server.',
        headers: { allow: 'GET, HEAD' },
      });
    }
    const ticket = open(call, host, deps);
    context.access.repository = ticket.repository;
    context.access.digest = ticket.digest;
    // G5: a rule may be newer than the ticket.
    if (!deps.repositoryRules.isOpen(ticket.repository)) {
      context.refuse('repository_rule');
      context.access.failure = 'repository_rule';
      throw denied('This repository is not open through this registry proxy; ask its operator to allow it.');
    }
    const source = lazySource(async () => {
      const authorization = await authorizationFor(ticket, deps, context.signal);
      return createBlobSource(ticket.source, authorization, deps, renewalOf(ticket, call, deps));
    });
    try {
      await deps.responder.respond(
        {
          clientAddress: context.clientAddress,
          method,
          headers: request.raw.headers,
          signal: context.signal,
          takeResponse: () => takeResponse(call.reply),
          failedAmid: (failure) => deps.auditFailure(context, failure),
          linkRefused: () => deps.onLinkRefused(ticket.repository),
          ended: (outcome, failure) =>
            Object.assign(context.access, { outcome, ...(failure && { failure }) }),
        },
        {
          registry: deps.registry.name,
          digest: ticket.digest,
          source,
          where: ticket.source.kind,
          statedLength: ticket.size,
        },
      );
    } catch (error) {
      throw refusedBySource(error) ?? error;
    }
  };
}

function open(call: DoorRequest, host: string, deps: DataEndpointDeps): Ticket {
  const { metrics, registry, ticketKeys, now } = deps;
  const where = { dataEndpoint: host, registry: registry.name };
  const opened =
    call.path === '/'
      ? openTicket(ticketKeys(), call.query, where, Math.floor(now() / 1000))
      : ({ kind: 'refused', reason: 'malformed' } as const);
  if (opened.kind === 'ok') {
    metrics.ticketVerifications.inc({ result: 'ok' });
    deps.onTicket(call.context.clientAddress);
    return opened.ticket;
  }
  metrics.ticketVerifications.inc({ result: opened.reason });
  call.context.access.failure = opened.reason;
  call.context.access.outcome = 'refused';
  noteClaim(call);
  call.context.refuse('ticket', opened.reason);
  throw denied(
    opened.reason === 'expired'
      ? 'This link has expired; ask the login server for the blob again.'
      : 'This link is not valid here; ask the login server for the blob.',
  );
}

/** What the link says that it is for, unproved, as every path at the login server is. */
function noteClaim({ query, context: { access } }: DoorRequest): void {
  if (query.length > MAX_CLAIM_LENGTH) return;
  const params = new URLSearchParams(query);
  const repository = parseRepositoryName(params.get('r') ?? '');
  const digest = parseDigest(params.get('d') ?? '');
  if (repository !== undefined) access.repository = repository;
  if (digest.kind === 'ok') access.digest = digest.digest;
}

/** Characters: of a whole ticket. */
const MAX_CLAIM_LENGTH = 8 * 1024;

async function authorizationFor(
  ticket: Ticket,
  { upstream }: DataEndpointDeps,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (ticket.source.kind !== 'registry') return undefined;
  if (ticket.bearer !== undefined) return `Bearer ${ticket.bearer}`;
  const path = `/v2/${ticket.repository}/blobs/${ticket.digest}`;
  return upstream.ownAuthorization(path, signal, ticket.source.url);
}

/** With own credentials, else with the token in the ticket, else as everybody; undefined: there is nothing to ask with (E3). */
function renewalOf(
  { repository, digest, bearer }: Ticket,
  { context: { clientAddress } }: DoorRequest,
  deps: DataEndpointDeps,
): RenewSource | undefined {
  const region = deps.clientRegions(clientAddress);
  const blob = { repository, digest, client: limitKey(clientAddress), region };
  const { upstream, publicProbe } = deps.registry;
  if (upstream.auth !== null) return createRenewSource(blob, { kind: 'own' }, deps);
  if (bearer !== undefined) {
    return createRenewSource(blob, { kind: 'caller', authorization: `Bearer ${bearer}` }, deps);
  }
  return publicProbe ? createRenewSource(blob, { kind: 'anonymous' }, deps) : undefined;
}

/** D11: a source that no longer honours the link sends the client back to the login server, as an expired ticket does. */
function refusedBySource(error: unknown): Error | undefined {
  if (!(error instanceof UpstreamFailure) || (error.status !== 401 && error.status !== 403)) return undefined;
  return denied(
    'The link behind this one is no longer honoured; ask the login server for the blob again.',
    error,
  );
}

function denied(message: string, cause?: unknown): Error {
  return ociError('DENIED', { message, cause });
}
