import { UpstreamFailure } from './failure.ts';
import { parseJsonObject } from './json-object.ts';

export type Token = {
  readonly token: string;
  readonly expiresInSeconds: number;
};

/** Seconds; what the token specification says where `expires_in` is absent (ACR leaves it out). */
const DEFAULT_SECONDS = 60;
/** Seconds: longer than any registry gives, and a bound for a peer that says a million years. */
const MAX_SECONDS = 24 * 3600;

/** The answer of a token service, `{"token" | "access_token", "expires_in"}`; throws `UpstreamFailure` without its content. */
export function parseTokenDocument(body: Buffer): Token {
  const document = parseJsonObject(body.toString('utf8'));
  if (document === undefined) throw unusable('not a JSON object');
  const { token, access_token: accessToken, expires_in: expiresIn } = document;
  const text = token ?? accessToken;
  // RFC 6750 §2.1, wider: printable ASCII, so that it can stand in a header field.
  if (typeof text !== 'string' || !/^[!-~]+$/.test(text)) throw unusable('no token in it');
  const seconds = typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : DEFAULT_SECONDS;
  return { token: text, expiresInSeconds: Math.min(seconds, MAX_SECONDS) };
}

function unusable(why: string): UpstreamFailure {
  return new UpstreamFailure(
    'http_protocol_error',
    'token_service',
    `the token service's answer is unusable: ${why}`,
  );
}
