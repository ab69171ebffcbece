import { createHmac, randomBytes } from 'node:crypto';

/**
 * Names credentials without keeping them: an HMAC under a key of this process, so that a memory dump's cache keys say
 * nothing about passwords. Callers without credentials are all the same caller: ''.
 */
export function createCredentialsKey(): (authorization: string | undefined) => string {
  const key = randomBytes(32);
  return (authorization) =>
    authorization === undefined ? '' : createHmac('sha256', key).update(authorization).digest('base64url');
}

/** Characters. A token this long is not worth decoding; real ones have a few thousand. */
const MAX_TOKEN = 64 * 1024;

/**
 * When a bearer token expires, Unix milliseconds; undefined where it does not say. The signature is not checked: the
 * upstream does that, this only shortens how long its answer is kept.
 */
export function tokenExpiry(authorization: string | undefined): number | undefined {
  const payload = /^Bearer +[\w-]+\.([\w-]+)\.[\w-]*$/i.exec((authorization ?? '').slice(0, MAX_TOKEN))?.[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
