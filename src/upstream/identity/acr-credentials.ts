import type { Exchange } from '../exchange.ts';
import { parseJsonObject } from '../json-object.ts';
import { IdentityFailure } from './identity-failure.ts';
import type { FreshCredentials } from './renewed-credentials.ts';

/** Milliseconds: ACR's refresh tokens live three hours and say so; one that does not is taken for a short one. */
const DEFAULT_LIFE_MS = 60 * 60_000;
const MAX_LIFE_MS = 24 * 60 * 60_000;

/**
 * An Entra access token for ACR's refresh token (`POST /oauth2/exchange`, AAD-OAuth.md of Azure/acr), as the credentials that
 * its token service takes by POST with `grant_type=refresh_token`.
 */
export async function exchangeForAcr(
  azureToken: string,
  acr: { readonly origin: string; readonly host: string; readonly exchange: Exchange },
  options: { readonly maxBytes: number; readonly now: () => number; readonly signal: AbortSignal },
): Promise<FreshCredentials> {
  const asked = options.now();
  const form = new URLSearchParams({
    grant_type: 'access_token',
    service: acr.host,
    access_token: azureToken,
  });
  const response = await acr.exchange({
    method: 'POST',
    origin: acr.origin,
    path: '/oauth2/exchange',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
    signal: options.signal,
  });
  const body = await response.read(options.maxBytes);
  if (response.status === 401 || response.status === 403) {
    throw new IdentityFailure(
      `upstream.auth: ${acr.host} does not take this identity (${response.status}): give it the role AcrPull there`,
    );
  }
  if (response.status !== 200) {
    throw new IdentityFailure(`upstream.auth: ${acr.host}/oauth2/exchange answered ${response.status}`);
  }
  const token = parseJsonObject(body.toString('utf8'))?.['refresh_token'];
  if (typeof token !== 'string' || !/^[!-~]+$/.test(token)) {
    throw new IdentityFailure(`upstream.auth: ${acr.host}/oauth2/exchange gave no refresh token: is it ACR?`);
  }
  return {
    credentials: { username: '<token>', password: token },
    expiresAt: expiryOf(token, asked),
  };
}

/** The `exp` of a JWT (RFC 7519 §4.1.4), unverified: it only says when to come back. */
function expiryOf(token: string, now: number): number {
  const [, payload = ''] = token.split('.');
  const exp = parseJsonObject(Buffer.from(payload, 'base64url').toString('utf8'))?.['exp'];
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return now + DEFAULT_LIFE_MS;
  return Math.min(exp * 1000, now + MAX_LIFE_MS);
}
