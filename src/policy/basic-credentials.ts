export type BasicCredentials = { readonly user: string; readonly password: string };

/** Bytes of the whole field value: passwords are short, and this is read before anybody is known. */
const MAX_AUTHORIZATION_LENGTH = 4096;

const BASIC = /^basic +([A-Za-z0-9+/_-]+=*) *$/i;

/** RFC 7617 §2, in UTF-8. Undefined: another auth-scheme, or not of its form. */
export function parseBasicCredentials(authorization: string): BasicCredentials | undefined {
  if (authorization.length > MAX_AUTHORIZATION_LENGTH) return undefined;
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // oxlint-disable-next-line no-control-regex -- RFC 7617 §2 forbids control characters; bcrypt ends at a NUL
  if (colon < 1 || /[\0-\x1f\x7f]/.test(decoded)) return undefined;
  return { user: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}
