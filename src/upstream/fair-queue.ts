export type FairQueue<T> = {
  readonly length: number;
  add(client: string, item: T): void;
  /** Takes an item out, wherever it stands. False: it was not there. */
  remove(client: string, item: T): boolean;
  /**
   * The oldest item that `mayGo` of the client whose turn it is; its next turn comes after everybody else's. A client
   * that may have no turn, or none of whose items may go, keeps its place. Undefined: there is none.
   */
  take(mayHaveTurn: (client: string) => boolean, mayGo: (item: T) => boolean): T | undefined;
  /**
   * Takes out what gives way to one more item of `client`: the newest of the longest line, or, where all have one item
   * and `client` none, one that `isIdle`. Undefined: `client` has no better right than those who are there.
   */
  makeRoom(client: string, isIdle: (item: T) => boolean): T | undefined;
  items(): Iterable<T>;
};

/** One line per client, served in turn: who asks for a thousand things delays nobody who asks for one. */
export function createFairQueue<T>(): FairQueue<T> {
  // A Map keeps the order of insertion; who is served is put at its end.
  const lines = new Map<string, Set<T>>();
  let length = 0;

  function drop(client: string, line: Set<T>, item: T): void {
    line.delete(item);
    length -= 1;
    if (line.size === 0) lines.delete(client);
  }

  function evict(client: string, line: Set<T>, mayLeave: (item: T) => boolean): T | undefined {
    const item = newest(line, mayLeave);
    if (item !== undefined) drop(client, line, item);
    return item;
  }

  return {
    get length() {
      return length;
    },
    add(client, item) {
      const line = lines.get(client);
      if (line === undefined) lines.set(client, new Set([item]));
      else line.add(item);
      length += 1;
    },
    remove(client, item) {
      const line = lines.get(client);
      if (line === undefined || !line.has(item)) return false;
      drop(client, line, item);
      return true;
    },
    take(mayHaveTurn, mayGo) {
      for (const [client, line] of lines) {
        if (!mayHaveTurn(client)) continue;
        for (const item of line) {
          if (!mayGo(item)) continue;
          drop(client, line, item);
          if (line.size > 0) {
            lines.delete(client);
            lines.set(client, line);
          }
          return item;
        }
      }
      return undefined;
    },
    makeRoom(client, isIdle) {
      const own = lines.get(client)?.size ?? 0;
      let longest: [string, Set<T>] | undefined;
      let idle: [string, Set<T>] | undefined;
      for (const entry of lines) {
        const [, line] = entry;
        if (line.size > (longest?.[1].size ?? 0)) longest = entry;
        if (idle === undefined && own === 0 && newest(line, isIdle) !== undefined) idle = entry;
      }
      // Where lines would only change places, whoever was there first stays.
      if (longest !== undefined && longest[1].size > own + 1) return evict(...longest, () => true);
      return idle && evict(...idle, isIdle);
    },
    *items() {
      for (const line of lines.values()) yield* line;
    },
  };
}

function newest<T>(line: ReadonlySet<T>, fits: (item: T) => boolean): T | undefined {
  return [...line].findLast(fits);
}
