/** A cloud's identity can not be had. The message is for the operator as it is, without secrets. */
export class IdentityFailure extends Error {
  override readonly name = 'IdentityFailure';
  readonly code = 'identity_unavailable';
}

/** Characters of an SDK's own words: Entra's errors go on with trace ids and advice for developers. */
const MAX_LENGTH = 300;

/** What an SDK says, in one line and without anything that could be a token or a key. */
export function describeIdentityError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown error';
  return text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\w+/=.-]{41,}/g, '…')
    .slice(0, MAX_LENGTH);
}
