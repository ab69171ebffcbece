import type { Instruments } from './instruments.ts';

/** `ok`, or the reason of `openTicket`. */
const TICKET_RESULTS = [
  'ok',
  'malformed',
  'unknown_key',
  'bad_signature',
  'expired',
  'wrong_host',
  'wrong_registry',
  'wrong_repository',
  'wrong_blob',
] as const;
export type TicketResult = (typeof TICKET_RESULTS)[number];

/** Tickets, as they are given out and as they come back. */
export function ticketMetrics(make: Instruments) {
  return {
    ticketsIssued: make.counter('berth_tickets_issued_total', 'Tickets sealed into a redirect.', {}),
    ticketVerifications: make.counter(
      'berth_ticket_verifications_total',
      'Tickets shown at a data endpoint, by result.',
      { result: TICKET_RESULTS },
    ),
  };
}
