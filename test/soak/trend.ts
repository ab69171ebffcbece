export type Sample = { readonly at: number; readonly value: number };

/** How much the line of least squares through the samples rises from the first to the last; 0 for fewer than two moments. */
export function riseOf(samples: readonly Sample[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first.at === last.at) return 0;
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [meanAt, meanValue] = [mean(({ at }) => at), mean(({ value }) => value)];
  let [above, below] = [0, 0];
  for (const { at, value } of samples) {
    above += (at - meanAt) * (value - meanValue);
    below += (at - meanAt) ** 2;
  }
  return (above / below) * (last.at - first.at);
}

/** The samples of the second half of the time. */
export function secondHalf(samples: readonly Sample[]): readonly Sample[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const middle = (first.at + last.at) / 2;
  return samples.filter(({ at }) => at >= middle);
}

/**
 * The lowest sample of each of so many equal stretches of time: what a process holds between two collections of its garbage, which
 * come when they like.
 */
export function floorOf(samples: readonly Sample[], stretches: number): readonly Sample[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const length = (last.at - first.at) / stretches || 1;
  const lowest = new Map<number, Sample>();
  for (const sample of samples) {
    const stretch = Math.min(stretches - 1, Math.floor((sample.at - first.at) / length));
    const before = lowest.get(stretch);
    if (before === undefined || sample.value < before.value) lowest.set(stretch, sample);
  }
  return [...lowest.values()];
}
