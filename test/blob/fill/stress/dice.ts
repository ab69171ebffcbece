/** Pseudorandom numbers of a seed, so that a run can be played again. */
export type Dice = {
  /** Below `limit`, a whole number. */
  below(limit: number): number;
  /** True in so many of a hundred cases. */
  percent(chance: number): boolean;
  pick<Value>(values: readonly Value[]): Value;
};

/** Mulberry32: enough for shaking things. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    percent: (chance) => below(100) < chance,
    pick(values) {
      const value = values[below(values.length)];
      if (value === undefined) throw new TypeError('nothing to pick from');
      return value;
    },
  };
}
