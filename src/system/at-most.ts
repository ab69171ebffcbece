/**
 * Options of an `LRUCache` of at most `entries` entries that takes memory as it fills. Its own `max` takes all of it at
 * once: of our stores 11 MB and 30 ms at the start of every process, most of which never hold a hundredth of that.
 */
export function atMost(entries: number): {
  readonly maxSize: number;
  readonly sizeCalculation: () => number;
} {
  return { maxSize: entries, sizeCalculation: () => 1 };
}
