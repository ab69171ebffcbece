import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

/** One AES-256 key. A KeyObject, so that neither a logger nor an inspector prints its bytes. */
export type TicketKey = {
  /** Stands in the clear in each ticket: which key opens it. 1 to 16 of `A-Za-z0-9_-`. */
  readonly id: string;
  readonly secret: KeyObject;
};

/** `seal` seals new tickets; every key of `open` (`seal` and `next` among them) opens. Newest first. */
export type TicketKeys = {
  readonly seal: TicketKey;
  readonly open: ReadonlyMap<string, TicketKey>;
  /**
   * Opens already, seals after the next rotation. It is published one rotation ahead because every replica must
   * be able to open a key's tickets before any replica seals with it.
   */
  readonly next: TicketKey | undefined;
};

/** `line` counts from 1. The message never holds any part of a key. */
export class TicketKeysError extends Error {
  override readonly name = 'TicketKeysError';
  readonly code = 'invalid_ticket_keys';
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.line = line;
  }
}

/** More would mean that rotations never drop a key; far more than any fleet has in flight at once. */
export const MAX_TICKET_KEYS = 16;

/** Bytes of an AES-256 key. */
const SECRET_BYTES = 32;

const KEY_ID = /^[A-Za-z0-9_-]{1,16}$/;

/** Retired keys that a rotation keeps: tickets of the last two sealing keys still open. */
const KEEP_DEFAULT = 2;

/**
 * Reads keys: one per line, `<id> <base64 of 32 bytes> [next]`; empty lines and lines that begin with `#` are
 * skipped. The first key seals, all of them open, and the one marked `next` is the one that seals after the next
 * rotation.
 *
 * @throws {TicketKeysError} with the line.
 */
export function parseTicketKeys(text: string): TicketKeys {
  const open = new Map<string, TicketKey>();
  let seal: TicketKey | undefined;
  let next: TicketKey | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const { key, marked } = parseLine(line, index + 1);
    if (open.has(key.id)) throw new TicketKeysError('its key id stands on an earlier line, too', index + 1);
    if ([...open.values()].some((other) => other.secret.equals(key.secret))) {
      throw new TicketKeysError('the same key stands on an earlier line under another id', index + 1);
    }
    if (open.size === MAX_TICKET_KEYS) {
      throw new TicketKeysError(
        `more than ${MAX_TICKET_KEYS} keys: remove the oldest, at the end`,
        index + 1,
      );
    }
    if (marked && seal === undefined) {
      throw new TicketKeysError('the first key seals, so it can not be marked "next"', index + 1);
    }
    if (marked && next !== undefined) throw new TicketKeysError('a second key is marked "next"', index + 1);
    if (marked) next = key;
    seal ??= key;
    open.set(key.id, key);
  }
  if (seal === undefined) {
    throw new TicketKeysError('there is no key; make a file with "berth ticket-key generate"');
  }
  return { seal, open, next };
}

function parseLine(line: string, number: number): { key: TicketKey; marked: boolean } {
  const [id = '', encoded = '', mark, ...rest] = line.split(/\s+/);
  if (!KEY_ID.test(id)) {
    throw new TicketKeysError('the key id must be 1 to 16 letters, digits, "-" or "_"', number);
  }
  if (rest.length > 0 || (mark !== undefined && mark !== 'next')) {
    throw new TicketKeysError('after the key only the word "next" may stand', number);
  }
  const secret = Buffer.from(encoded, 'base64');
  if (secret.length !== SECRET_BYTES || secret.toString('base64') !== encoded) {
    throw new TicketKeysError(`the key must be the base64 form of exactly ${SECRET_BYTES} bytes`, number);
  }
  return { key: { id, secret: createSecretKey(secret) }, marked: mark === 'next' };
}

/** The inverse of `parseTicketKeys`. The text is secret. */
export function formatTicketKeys(keys: TicketKeys): string {
  const others = [...keys.open.values()].filter((key) => key.id !== keys.seal.id);
  const lines = [keys.seal, ...others].map((key) => {
    const mark = key.id === keys.next?.id ? ' next' : '';
    return `${key.id} ${key.secret.export().toString('base64')}${mark}`;
  });
  return [
    '# Berth ticket keys: secret, the same on every replica.',
    '# The first seals, all open; "next" seals after the next rotation.',
    ...lines,
    '',
  ].join('\n');
}

/** Fresh keys: one that seals and its successor, which only opens for now. */
export function generateTicketKeys(): TicketKeys {
  return addNextTicketKey(keysOf(generateKey(new Set()), undefined, []));
}

/** First half of a rotation: a fresh key that opens, but does not seal yet. An earlier `next` is replaced. */
export function addNextTicketKey(keys: TicketKeys): TicketKeys {
  return keysOf(keys.seal, generateKey(new Set(keys.open.keys())), retired(keys));
}

/**
 * Second half of a rotation: `next` seals, the key that sealed until now opens, and of the retired keys the
 * `keep` youngest stay. Only safe once every replica has the keys with this `next`.
 *
 * @throws {TicketKeysError} where there is no `next`.
 */
export function promoteNextTicketKey(keys: TicketKeys, options: { keep?: number } = {}): TicketKeys {
  if (keys.next === undefined) {
    throw new TicketKeysError('no key is marked "next": add one and give it to every replica first');
  }
  return keysOf(keys.next, undefined, [keys.seal, ...retired(keys)].slice(0, options.keep ?? KEEP_DEFAULT));
}

/**
 * One rotation: the key that was published ahead seals, and its successor is published. A file that has no `next`
 * yet (written by hand) only gets one: its sealing key stays until the next rotation. Whoever gives each result to
 * every replica before rotating again never loses a ticket.
 *
 * @param options.keep retired keys that still open, 0 to 14 (default 2); 0 refuses tickets still in flight.
 */
export function rotateTicketKeys(keys: TicketKeys, options: { keep?: number } = {}): TicketKeys {
  const keep = options.keep ?? KEEP_DEFAULT;
  if (!Number.isInteger(keep) || keep < 0 || keep > MAX_TICKET_KEYS - 2) {
    throw new TicketKeysError(`the number of retired keys to keep must be 0 to ${MAX_TICKET_KEYS - 2}`);
  }
  return addNextTicketKey(keys.next === undefined ? keys : promoteNextTicketKey(keys, { keep }));
}

function retired(keys: TicketKeys): TicketKey[] {
  return [...keys.open.values()].filter((key) => key.id !== keys.seal.id && key.id !== keys.next?.id);
}

function keysOf(seal: TicketKey, next: TicketKey | undefined, others: readonly TicketKey[]): TicketKeys {
  const all = next === undefined ? [seal, ...others] : [seal, next, ...others];
  return { seal, next, open: new Map(all.map((key) => [key.id, key])) };
}

function generateKey(taken: ReadonlySet<string>): TicketKey {
  // Random ids, not counters: two files made apart must not share an id, or a stranger's ticket would look
  // tampered with instead of sealed by an unknown key. Eight characters keep the link short.
  let id: string;
  do id = randomBytes(4).toString('hex');
  while (taken.has(id));
  return { id, secret: createSecretKey(randomBytes(SECRET_BYTES)) };
}
