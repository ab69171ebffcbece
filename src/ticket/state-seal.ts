import { createHmac, hkdfSync, type KeyObject } from 'node:crypto';
import { openBox, sealBox } from './sealed-box.ts';
import type { TicketKeys } from './ticket-keys.ts';

/** Names and seals what is kept in state that replicas share, with the ticket keys that all of them have. */
export type StateSeal = {
  /** A keyed digest: who has no key can neither read it nor try out what it may be of. */
  name(parts: readonly unknown[]): string;
  seal(content: unknown): string;
  /** Undefined where it was not sealed with one of the keys. */
  open(text: string): unknown;
};

/** Bytes of the key that names are made with. */
const NAME_KEY_BYTES = 32;

/** @param keys those in force */
export function createStateSeal(keys: () => TicketKeys): StateSeal {
  const nameKeys = new WeakMap<KeyObject, Buffer>();

  function nameKey(): Buffer {
    const { secret } = keys().seal;
    const known = nameKeys.get(secret);
    if (known !== undefined) return known;
    const made = Buffer.from(hkdfSync('sha256', secret, '', 'berth/state-name/1', NAME_KEY_BYTES));
    nameKeys.set(secret, made);
    return made;
  }

  return {
    name: (parts) => createHmac('sha256', nameKey()).update(JSON.stringify(parts)).digest('base64url'),
    seal: (content) => sealBox(keys(), 'state/1', Buffer.from(JSON.stringify(content))),
    open(text) {
      const box = openBox(keys(), 'state/1', text);
      if (box.kind === 'refused') return undefined;
      try {
        return JSON.parse(box.content.toString('utf8')) as unknown;
      } catch {
        return undefined;
      }
    },
  };
}
