/** bcrypt hashes by user. `cost` is the highest of the file: what a check may take. */
export type Htpasswd = { readonly hashes: ReadonlyMap<string, string>; readonly cost: number };

/** `line` counts from 1. The message holds neither user nor hash. */
export type HtpasswdProblem = { readonly line: number; readonly message: string };

/**
 * The highest bcrypt cost that is accepted. Each step doubles the time: 12 takes about a quarter of a second of
 * this process, 14 a full one, and nothing else moves meanwhile.
 */
export const MAX_BCRYPT_COST = 12;

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

/**
 * Reads an htpasswd file: `user:hash` per line; empty lines and lines that begin with `#` are skipped. Only bcrypt
 * (`htpasswd -B`) is accepted: Apache's other forms (crypt, MD5, SHA-1, plain) can be guessed fast.
 */
export function parseHtpasswd(
  text: string,
): { readonly kind: 'ok'; readonly htpasswd: Htpasswd } | ({ readonly kind: 'invalid' } & HtpasswdProblem) {
  const hashes = new Map<string, string>();
  let highest = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fail = (message: string) => ({ kind: 'invalid', line: index + 1, message }) as const;
    const colon = line.indexOf(':');
    if (colon < 1) return fail('expected "user:hash"');
    const user = line.slice(0, colon);
    const hash = line.slice(colon + 1);
    const cost = Number(BCRYPT.exec(hash)?.[1]);
    if (Number.isNaN(cost)) {
      return fail('the hash is not bcrypt, the only one accepted: set the password again with "htpasswd -B"');
    }
    if (cost < 4 || cost > MAX_BCRYPT_COST) {
      return fail(`the bcrypt cost is ${cost}, and must be 4 to ${MAX_BCRYPT_COST}: "htpasswd -B -C 10"`);
    }
    if (hashes.has(user)) return fail('this user stands on an earlier line, too');
    hashes.set(user, hash);
    highest = Math.max(highest, cost);
  }
  return { kind: 'ok', htpasswd: { hashes, cost: highest } };
}
