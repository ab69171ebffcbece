import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { parseRetryAfter } from '../http/retry-after.ts';
import type { Exchange, ExchangeRequest, QueueWait } from './exchange.ts';
import { pausableKind } from './pausable-kind.ts';
import type { UpstreamQueue } from './upstream-queue.ts';

/**
 * An exchange whose requests take their turn (L5–L8). What counts is the time until the header section is in: a body is
 * read at the client's speed, and says nothing of what the registry can do. An upload counts as a request alone.
 *
 * @param options.shared the registry knows one caller, Berth itself, whatever token it is shown
 */
export function createLimitedExchange(
  exchange: Exchange,
  queue: UpstreamQueue,
  { shared, now }: { readonly shared: boolean; readonly now: () => number },
): Exchange {
  return async (request) => {
    const { client = '', queueWait, signal } = request;
    const kind = pausableKind(request.path);
    const caller = kind && `${kind} ${shared ? 'own' : credentialsOf(request)}`;
    const turn = queue.enter({ client, caller, signal });
    const end = turn instanceof Promise ? await waitedFor(turn, queueWait) : turn;
    if (isUpload(request)) end();
    try {
      const response = await exchange(request);
      const retryAfter = response.headers['retry-after'];
      if (response.status === 429 && retryAfter !== undefined) {
        queue.pause(caller, parseRetryAfter(retryAfter, now()) ?? 0);
      }
      return response;
    } finally {
      end();
    }
  };
}

async function waitedFor<T>(turn: Promise<T>, wait: QueueWait | undefined): Promise<T> {
  if (wait === undefined) return turn;
  wait.began();
  try {
    return await turn;
  } finally {
    wait.ended();
  }
}

/** Its content comes from a client, and takes as long as that likes. */
export function isUpload({ body }: ExchangeRequest): boolean {
  return body instanceof Readable;
}

/** An upstream counts by credentials, or where there are none by address, which is Berth's for everybody. */
function credentialsOf({ headers }: ExchangeRequest): string {
  const { authorization } = headers;
  return authorization === undefined
    ? 'anonymous'
    : createHash('sha256').update(String(authorization)).digest('base64');
}
