import { OciError } from '../oci/error.ts';
import { statusError } from '../oci/status-error.ts';
import type { ClientExchange } from './client-exchange.ts';
import { codeOf, describeError } from './describe-error.ts';
import { sendError } from './send-error.ts';

/**
 * Ends an exchange that failed: with the error's document while the header section is not out, else by closing the
 * connection, since a response that merely stops could be taken for a whole one. Never throws.
 */
export function failExchange(exchange: ClientExchange, error: unknown): void {
  const { context, response } = exchange;
  const { access, log, requestId, signal } = context;
  // What fails once the client has left fails because of that; the access line says so.
  if (signal.aborted || response.writableFinished) return;
  access.failure ??= failureWord(error);
  if (error instanceof OciError) {
    if (error.cause !== undefined) log.warn({ error: describeError(error) }, 'request failed');
  } else {
    log.error({ error: describeError(error, { stack: true }) }, 'request failed for a reason of our own');
  }
  if (response.headersSent) {
    exchange.cut('internal_error');
    return;
  }
  try {
    sendError(response, error instanceof OciError ? error : statusError(500), requestId);
  } catch (failure) {
    // A field that Node refuses, say. Nobody is above this who could do anything about it.
    log.error({ error: describeError(failure, { stack: true }) }, 'an error could not be sent');
    exchange.cut('internal_error');
  }
}

function failureWord(error: unknown): string {
  if (error instanceof OciError) {
    const causeWord = error.cause instanceof Error ? codeOf(error.cause) : undefined;
    return causeWord ?? error.code;
  }
  return 'internal_error';
}
