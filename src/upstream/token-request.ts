import type { IncomingHttpHeaders } from 'node:http';
import { appendQuery } from '../http/append-query.ts';
import { endBody } from './end-body.ts';
import type { Exchange, QueueWait } from './exchange.ts';
import { classifyFailure, UpstreamFailure } from './failure.ts';
import { isRedirect } from './is-redirect.ts';
import { parseRawUrl, type RawUrl } from './raw-url.ts';
import type { Realm } from './realm.ts';

/** A client's token request, to be put to the upstream's token service. */
export type TokenRequest = {
  readonly path: '/oauth2/token' | '/oauth2/exchange';
  readonly method: 'GET' | 'POST';
  /** The client's raw query, without `?`; sent byte for byte. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer | undefined;
  /** The client, for its turn in the queue. */
  readonly client?: string | undefined;
  readonly queueWait?: QueueWait | undefined;
  readonly signal: AbortSignal;
};

export type TokenAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  /** The upstream asks for no tokens (no challenge, or Basic). */
  | { readonly kind: 'no_token_service' };

const FORWARDED = ['accept', 'authorization', 'content-type', 'user-agent'] as const;

/**
 * `/oauth2/token` stands for the realm, whatever its own path is; `/oauth2/exchange` (ACR: Entra token to refresh token)
 * is a path beside it, on the realm's host. `maxBytes` bounds the answer.
 */
export function createTokenRequest(
  exchange: Exchange,
  realm: (signal: AbortSignal) => Promise<Realm>,
  maxBytes: number,
): (request: TokenRequest) => Promise<TokenAnswer> {
  // Of the realm before, which is nearly always this one.
  let last: { realm: Realm; service: RawUrl | undefined } | undefined;

  function serviceOf(asked: Realm): RawUrl | undefined {
    if (last?.realm !== asked) {
      last = { realm: asked, service: asked.kind === 'bearer' ? parseRawUrl(asked.url) : undefined };
    }
    return last.service;
  }

  return async (request) => {
    try {
      const service = serviceOf(await realm(request.signal));
      if (service === undefined) return { kind: 'no_token_service' };
      const response = await exchange({
        method: request.method,
        origin: service.origin,
        path: appendQuery(request.path === '/oauth2/exchange' ? request.path : service.path, request.query),
        headers: forwardedFields(request.headers),
        body: request.body,
        client: request.client,
        queueWait: request.queueWait,
        signal: request.signal,
      });
      if (isRedirect(response.status)) {
        await endBody(response);
        // Credentials were sent to a host that was checked; they do not travel on.
        const message = 'the token service redirects, which is not followed';
        throw new UpstreamFailure('redirect_refused', 'token_service', message, { status: response.status });
      }
      const body = await response.read(maxBytes);
      return { kind: 'answer', status: response.status, headers: response.headers, body };
    } catch (error) {
      throw classifyFailure(error, 'token_service');
    }
  };
}

function forwardedFields(headers: TokenRequest['headers']): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const name of FORWARDED) {
    const value = headers[name];
    if (typeof value === 'string') fields[name] = value;
  }
  return fields;
}
