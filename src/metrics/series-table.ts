/** What a metric holds for each combination of label values, looked up for each request several times. */
export type SeriesTable<L, S> = {
  /** Made when it is first asked for. Labels that the metric does not have are left aside. */
  of(labels: L): S;
  /** In the order in which they were made. */
  readonly list: readonly S[];
};

type Level<S> = Map<string | undefined, Level<S> | S>;

/**
 * A map in a map for each label. One map with all values as one text for its key would have to put that together, and to hash it, each
 * time. Label values are of closed sets, and of those few combinations occur.
 */
export function createSeriesTable<L extends Readonly<Record<string, string>>, S extends object>(
  labelNames: readonly string[],
  make: (labels: L) => S,
): SeriesTable<L, S> {
  const list: S[] = [];
  const last = labelNames.length - 1;
  const root: Level<S> = new Map();

  function add(level: Level<S>, value: string | undefined, labels: L): S {
    // In their first order, as prom-client shows them.
    const own = Object.fromEntries(Object.entries(labels).filter(([name]) => labelNames.includes(name))) as L;
    const series = make(own);
    list.push(series);
    level.set(value, series);
    return series;
  }

  return {
    list,
    of(labels) {
      if (last < 0) return list[0] ?? add(root, undefined, labels);
      let level = root;
      for (let at = 0; at < last; at += 1) {
        const value = labels[labelNames[at] as string];
        let next = level.get(value) as Level<S> | undefined;
        if (next === undefined) level.set(value, (next = new Map()));
        level = next;
      }
      const value = labels[labelNames[last] as string];
      return (level.get(value) as S | undefined) ?? add(level, value, labels);
    },
  };
}
