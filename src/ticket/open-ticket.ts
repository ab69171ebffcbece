import { parseDigest } from '../oci/digest.ts';
import { parseRepositoryName } from '../oci/repository-name.ts';
import { MAX_TICKET_CHARACTERS } from './seal-ticket.ts';
import { openBox } from './sealed-box.ts';
import type { Ticket } from './ticket.ts';
import { checkTicketBinding, parseTicketContent } from './ticket-content.ts';
import type { TicketKeys } from './ticket-keys.ts';

/**
 * Why a ticket is refused, in the order of the checks: what it is not (`malformed`, `unknown_key`,
 * `bad_signature`), then where it does not belong, then `expired`. A ticket whose clear repository or digest was
 * altered is `wrong_repository` or `wrong_blob`. All of them are 403 for the client, told apart for metrics and logs.
 */
export type TicketRefusal =
  | 'malformed'
  | 'unknown_key'
  | 'bad_signature'
  | 'expired'
  | 'wrong_host'
  | 'wrong_registry'
  | 'wrong_repository'
  | 'wrong_blob';

export type OpenTicketResult =
  | { readonly kind: 'ok'; readonly ticket: Ticket }
  | { readonly kind: 'refused'; readonly reason: TicketRefusal };

const PARAMETERS = ['r', 'd', 'v', 't'];

/**
 * Opens the query (with or without `?`) of a data-endpoint URL. Never throws, whatever the query is.
 *
 * @param where the host the request came to, as `parseHost` gives it, and the registry that host belongs to.
 * @param nowSeconds Unix time; replicas' clocks must agree to within a few seconds.
 */
export function openTicket(
  keys: TicketKeys,
  query: string,
  where: { readonly dataEndpoint: string; readonly registry: string },
  nowSeconds: number,
): OpenTicketResult {
  const clear = parseQuery(query);
  if (clear === undefined) return refused('malformed');
  const opened = openBox(keys, 'ticket/1', clear.sealed);
  if (opened.kind === 'refused') return opened;
  const binding = {
    dataEndpoint: where.dataEndpoint,
    registry: where.registry,
    repository: clear.repository,
    digest: clear.digest,
  };
  const bound = checkTicketBinding(opened.content, binding);
  if (bound !== 'ok') return refused(bound);
  const content = parseTicketContent(opened.content, clear.digest);
  if (content === undefined) return refused('malformed');
  if (nowSeconds >= content.expiresAt) return refused('expired');
  return { kind: 'ok', ticket: { ...binding, ...content } };
}

/**
 * Each of the four parameters once, in any order, and no other: a second `r` or an added parameter would give one
 * blob many URLs, and logs and caches something else to read than what was checked.
 */
function parseQuery(query: string) {
  if (query.length > MAX_TICKET_CHARACTERS + 1) return undefined;
  const parameters = new URLSearchParams(query);
  if (parameters.size !== PARAMETERS.length) return undefined;
  const [repository, digest, version, sealed] = PARAMETERS.map((name) => parameters.get(name));
  if (version !== '1' || typeof sealed !== 'string') return undefined;
  const parsedRepository = typeof repository === 'string' ? parseRepositoryName(repository) : undefined;
  const parsedDigest = typeof digest === 'string' ? parseDigest(digest) : undefined;
  if (parsedRepository === undefined || parsedDigest?.kind !== 'ok') return undefined;
  return { repository: parsedRepository, digest: parsedDigest.digest, sealed };
}

function refused(reason: TicketRefusal): OpenTicketResult {
  return { kind: 'refused', reason };
}
