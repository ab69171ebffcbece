/** From `least` to `most` in three or four steps; what is not between them is left out. */
export function stepsTo(least: number, most: number): readonly number[] {
  const between = BETWEEN.filter((step) => step > least && step < most);
  return [...new Set([Math.min(least, most), ...between, most])];
}

const BETWEEN = [100, 1000] as const;

/** `10,000 registries`, `1 blob`. */
export function formatCount(count: number, one: string, many: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}
