/** Numbers that one seed makes again, so that a run's plan can be had a second time. */
export type Random = {
  /** At least 0, less than 1. */
  next(): number;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  pick<Value>(from: readonly [Value, ...Value[]]): Value;
  /** One word of the table, as often as its weight among all says. */
  weighted<Word extends string>(weights: Readonly<Record<Word, number>>): Word;
  /** A stream of its own: what others draw does not change it. */
  fork(name: string): Random;
};

/** mulberry32: 32 bits of state are enough to choose faults by. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    between,
    pick: (from) => from[between(0, from.length - 1)] ?? from[0],
    weighted<Word extends string>(weights: Readonly<Record<Word, number>>): Word {
      // The keys are those of its type.
      const words = Object.keys(weights) as Word[];
      const total = words.reduce((sum, word) => sum + weights[word], 0);
      let left = next() * total;
      for (const word of words) {
        left -= weights[word];
        if (left < 0) return word;
      }
      throw new Error('a table of weights needs a weight above 0');
    },
    fork: (name) => createRandom(hashOf(`${seed}/${name}`)),
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of Buffer.from(text)) hash = Math.imul(hash ^ character, 0x01000193);
  return hash >>> 0;
}
