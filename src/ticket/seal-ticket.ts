import { sealBox } from './sealed-box.ts';
import type { Ticket } from './ticket.ts';
import { formatTicketContent } from './ticket-content.ts';
import type { TicketKeys } from './ticket-keys.ts';

/** Bytes of a sealed bearer token (3 KiB): registries' tokens are 1 to 2 KiB, and the link must fit in a header. */
export const MAX_BEARER_BYTES = 3 * 1024;

/**
 * Characters of a ticket's query (8 KiB): what common HTTP servers and proxies take in a request line, and half
 * of Node's default for a whole header section.
 */
export const MAX_TICKET_CHARACTERS = 8 * 1024;

/** RFC 6750 §2.1 `b64token`. "Basic …" can not have this form: no password ever gets into a link. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;

/** Why a ticket can not be sealed; the blob is then delivered `inline`. Messages hold no secret. */
export class TicketSealError extends Error {
  override readonly name = 'TicketSealError';
  readonly code: 'bearer_too_long' | 'bearer_invalid' | 'ticket_too_long';

  constructor(code: TicketSealError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * The query, without `?`, of the data-endpoint URL that hands out this ticket: `r=<repository>&d=<digest>&v=1&t=<sealed>`.
 * Repository and digest are in the clear for logs and caches; everything else is sealed.
 *
 * @throws {TicketSealError} where the link would be too long or the bearer is no bearer token.
 */
export function sealTicket(keys: TicketKeys, ticket: Ticket): string {
  if (ticket.bearer !== undefined) checkBearer(ticket.bearer);
  const sealed = sealBox(keys, 'ticket/1', formatTicketContent(ticket));
  // Both are of characters that a query may hold as they are (RFC 3986 §3.4): no encoding, no two spellings.
  const query = `r=${ticket.repository}&d=${ticket.digest}&v=1&t=${sealed}`;
  if (query.length > MAX_TICKET_CHARACTERS) {
    throw new TicketSealError(
      'ticket_too_long',
      `a ticket of ${query.length} characters is over the limit of ${MAX_TICKET_CHARACTERS}: deliver inline`,
    );
  }
  return query;
}

function checkBearer(bearer: string): void {
  if (bearer.length > MAX_BEARER_BYTES) {
    throw new TicketSealError(
      'bearer_too_long',
      `a bearer token of ${bearer.length} bytes is over the limit of ${MAX_BEARER_BYTES}: deliver inline`,
    );
  }
  if (!BEARER.test(bearer)) {
    throw new TicketSealError(
      'bearer_invalid',
      'only a bearer token (RFC 6750 b64token, without its auth-scheme) may be sealed',
    );
  }
}
