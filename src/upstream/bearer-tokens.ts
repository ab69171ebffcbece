import { LRUCache } from 'lru-cache';
import { appendQuery } from '../http/append-query.ts';
import { atMost } from '../system/at-most.ts';
import { answerFailure } from './answer-failure.ts';
import { createCollapse } from './collapse.ts';
import { basicAuthorization, type Credentials, type CredentialsSource } from './credentials.ts';
import type { Exchange, ExchangeRequest, UpstreamResponse } from './exchange.ts';
import { classifyFailure, UpstreamFailure } from './failure.ts';
import { parseRawUrl } from './raw-url.ts';
import { parseTokenDocument, type Token } from './token-document.ts';

export type TokenQuestion = {
  /** The realm, checked. */
  readonly url: string;
  readonly service: string | undefined;
  /** Space-separated; undefined for a token that only proves who asks. */
  readonly scope: string | undefined;
};

/**
 * Bearer tokens of one identity (own credentials, or anonymous), one per realm, service and scope: kept to 80 % of
 * their life, one refresh in flight each.
 */
export type BearerTokens = {
  /** An Authorization value. Undefined: the token service refuses this identity. */
  get(question: TokenQuestion, signal: AbortSignal): Promise<string | undefined>;
  /** The registry refused the value: the next `get` asks anew, unless somebody has done so already. */
  forget(question: TokenQuestion, authorization: string): void;
};

/** Repositories that one upstream is asked for within a token's life. */
const MAX_TOKENS = 2000;
/** The rest of a token's life covers clocks that differ and the request it is used for. */
const USABLE_SHARE = 0.8;
/** Seconds that a refusal is remembered: an anonymous question per blob of a private image is enough. */
const REFUSAL_SECONDS = 60;

export function createBearerTokens(
  exchange: Exchange,
  credentials: CredentialsSource | undefined,
  options: { maxBytes: number; deadlineMs: number; now: () => number },
): BearerTokens {
  const collapse = createCollapse<string | undefined>();
  const kept = new LRUCache<string, { authorization: string | undefined; until: number }>(atMost(MAX_TOKENS));

  async function fetchToken(question: TokenQuestion): Promise<Token | undefined> {
    const signal = AbortSignal.timeout(options.deadlineMs);
    const request = tokenRequest(question, await ownCredentials(), signal);
    const response = await exchange(request);
    const body = await readDocument(response);
    if (response.status === 401 || response.status === 403) return undefined;
    if (response.status !== 200) {
      throw answerFailure(
        'token_service',
        'a token request',
        response.status,
        response.headers,
        options.now(),
      );
    }
    return parseTokenDocument(body);
  }

  async function ownCredentials(): Promise<Credentials | undefined> {
    try {
      return await credentials?.get();
    } catch (error) {
      const message = error instanceof Error ? error.message : 'own credentials can not be read';
      throw new UpstreamFailure('proxy_configuration_error', 'token_service', message, { cause: error });
    }
  }

  async function readDocument(response: UpstreamResponse): Promise<Buffer> {
    try {
      return await response.read(options.maxBytes);
    } catch (error) {
      throw classifyFailure(error, 'token_service');
    }
  }

  return {
    async get(question, signal) {
      const key = keyOf(question);
      const known = kept.get(key);
      if (known !== undefined && known.until > options.now()) return known.authorization;
      const ask = async (): Promise<string | undefined> => {
        const asked = options.now();
        const token = await fetchToken(question);
        const authorization = token === undefined ? undefined : `Bearer ${token.token}`;
        const seconds = token === undefined ? REFUSAL_SECONDS : token.expiresInSeconds * USABLE_SHARE;
        kept.set(key, { authorization, until: asked + seconds * 1000 });
        return authorization;
      };
      return (await collapse.run(key, ask, signal)).value;
    },
    forget(question, authorization) {
      const key = keyOf(question);
      if (kept.peek(key)?.authorization === authorization) kept.delete(key);
    },
  };
}

function keyOf({ url, service, scope }: TokenQuestion): string {
  // An array and not a joined string: no separator that a scope could contain.
  return JSON.stringify([url, service ?? null, scope ?? null]);
}

/** Token specification: GET with Basic; an identity token (user `<token>` of docker's helpers) goes by POST (RFC 6749 §6). */
function tokenRequest(
  { url, service, scope }: TokenQuestion,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): ExchangeRequest {
  const realm = parseRawUrl(url);
  if (realm === undefined)
    throw new UpstreamFailure('http_protocol_error', 'token_service', 'the realm is no URL');
  const params = new URLSearchParams();
  if (service !== undefined) params.set('service', service);
  if (credentials?.username === '<token>') {
    params.set('grant_type', 'refresh_token');
    params.set('client_id', 'berth');
    params.set('refresh_token', credentials.password);
    if (scope !== undefined) params.set('scope', scope);
    return {
      method: 'POST',
      origin: realm.origin,
      path: realm.path,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(params.toString()),
      signal,
    };
  }
  // One parameter per scope, as docker and containerd send them.
  for (const part of scope?.split(' ') ?? []) params.append('scope', part);
  return {
    method: 'GET',
    origin: realm.origin,
    path: appendQuery(realm.path, params.toString()),
    headers: {
      accept: 'application/json',
      ...(credentials !== undefined && { authorization: basicAuthorization(credentials) }),
    },
    signal,
  };
}
