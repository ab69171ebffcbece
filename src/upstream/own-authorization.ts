import type { IncomingHttpHeaders } from 'node:http';
import type { BearerTokens, TokenQuestion } from './bearer-tokens.ts';
import { basicAuthorization, type CredentialsSource } from './credentials.ts';
import { UpstreamFailure } from './failure.ts';
import { type Realm, type RealmRules, selectRealm } from './realm.ts';

/** Berth's own Authorization for requests to the registry (`upstream.auth`). */
export type OwnAuthorization = {
  /** Undefined: the registry asks for none. */
  forScope(scope: string | undefined, signal: AbortSignal): Promise<string | undefined>;
  /** After a 401: a fresh one as its challenge asks; undefined where that would be the same again. */
  renew(
    scope: string | undefined,
    refused: { authorization: string | undefined; headers: IncomingHttpHeaders },
    signal: AbortSignal,
  ): Promise<string | undefined>;
};

export function createOwnAuthorization(
  credentials: CredentialsSource,
  tokens: BearerTokens,
  realm: (signal: AbortSignal) => Promise<Realm>,
  rules: RealmRules,
): OwnAuthorization {
  async function answer(
    asked: Realm,
    scope: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (asked.kind === 'none') return undefined;
    if (asked.kind === 'basic') return basic();
    const authorization = await tokens.get(question(asked, scope), signal);
    if (authorization !== undefined) return authorization;
    credentials.refresh();
    throw new UpstreamFailure(
      'proxy_configuration_error',
      'token_service',
      "the token service refuses Berth's own credentials (upstream.auth)",
    );
  }

  async function basic(): Promise<string> {
    try {
      return basicAuthorization(await credentials.get());
    } catch (error) {
      const message = error instanceof Error ? error.message : 'own credentials can not be read';
      throw new UpstreamFailure('proxy_configuration_error', 'registry', message, { cause: error });
    }
  }

  return {
    forScope: async (scope, signal) => answer(await realm(signal), scope, signal),
    async renew(scope, { authorization, headers }, signal) {
      if (headers['www-authenticate'] === undefined) return undefined;
      const asked = selectRealm(headers, rules);
      if (asked.kind === 'bearer' && authorization !== undefined) {
        tokens.forget(question(asked, scope), authorization);
        // The token kept may have been asked for with the scope worked out beforehand.
        tokens.forget(question({ ...asked, scope: undefined }, scope), authorization);
      }
      credentials.refresh();
      const fresh = await answer(asked, scope, signal);
      return fresh === authorization ? undefined : fresh;
    },
  };
}

function question(realm: Extract<Realm, { kind: 'bearer' }>, scope: string | undefined): TokenQuestion {
  // What a challenge asks for is the registry's own word; for `/v2/` there is none.
  return { url: realm.url, service: realm.service, scope: realm.scope ?? scope };
}
