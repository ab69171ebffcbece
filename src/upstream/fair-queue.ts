export type FairQueue<T> = {
  readonly length: number;
  add(client: string, item: T): void;
  /** Takes an item out, wherever it stands. False: it was not there. */
  remove(client: string, item: T): boolean;
  /**
   * The oldest item that `mayGo` of the client whose turn it is; its next turn comes after everybody else's. A client
   * none of whose items may go keeps its place. Undefined: there is none.
   */
  take(mayGo: (item: T) => boolean): T | undefined;
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
    take(mayGo) {
      for (const [client, line] of lines) {
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
    *items() {
      for (const line of lines.values()) yield* line;
    },
  };
}
