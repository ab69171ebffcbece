/** Sums by key what happens many times a second, and says it from time to time. */
export type Batch<T> = {
  add(item: T, by: number): void;
  /** Says what has come together now. */
  flush(): void;
};

/**
 * @param afterMs milliseconds from the first item until it is said
 * @param say not called with what has summed up to 0
 */
export function createBatch<T extends Readonly<Record<string, string>>>(
  afterMs: number,
  say: (items: readonly (T & { readonly by: number })[]) => void,
): Batch<T> {
  let sums = new Map<string, { readonly item: T; by: number }>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    const items = Array.from(sums.values(), ({ item, by }) => ({ ...item, by })).filter(({ by }) => by !== 0);
    sums = new Map();
    if (items.length > 0) say(items);
  }

  return {
    add(item, by) {
      const key = Object.values(item).join(' ');
      const known = sums.get(key);
      if (known === undefined) sums.set(key, { item, by });
      else known.by += by;
      timer ??= setTimeout(flush, afterMs).unref();
    },
    flush,
  };
}
