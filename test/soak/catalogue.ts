import type { TestBlob, TestImage } from '../support/image.ts';
import type { Random } from './random.ts';

/** What there is to be pulled, and where. */
export type Entry = { readonly repository: string; readonly tag: string; readonly image: TestImage };

export type Catalogue = {
  readonly entries: readonly Entry[];
  /** From the moment it can be pulled. */
  add(entry: Entry): void;
  pick(random: Random): Entry;
  pickBlob(random: Random, atLeastBytes: number): { readonly repository: string; readonly blob: TestBlob };
};

export function createCatalogue(first: readonly [Entry, ...Entry[]]): Catalogue {
  const entries: [Entry, ...Entry[]] = [...first];
  return {
    entries,
    add: (entry) => void entries.push(entry),
    pick: (random) => random.pick(entries),
    pickBlob(random, atLeastBytes) {
      for (;;) {
        const { repository, image } = random.pick(entries);
        const blob = image.blobs[random.between(0, image.blobs.length - 1)];
        if (blob !== undefined && blob.bytes.length >= atLeastBytes) return { repository, blob };
      }
    },
  };
}
