import { METHODS, STATES } from './cells.ts';
import type { CellOutcome } from './run-fault.ts';

/** The matrix as lines of text: what every cell saw, and how often each of it was seen. */
export function formatMatrix(seen: ReadonlyMap<string, readonly CellOutcome[]>): string[] {
  const width = Math.max(...[...seen.keys()].map((name) => name.length));
  const line = (name: string, words: readonly string[]): string =>
    [name.padEnd(width), ...words.map((word) => word.padEnd(6))].join(' ').trimEnd();
  const columns = STATES.flatMap((state) => METHODS.map((method) => ({ state, method })));
  const counts = new Map<string, number>();
  const rows = [...seen].map(([name, outcomes]) =>
    line(
      name,
      columns.map(({ state, method }) => {
        const found = outcomes.find(({ cell }) => cell.state === state && cell.method === method);
        const word = found?.seen ?? '-';
        counts.set(word, (counts.get(word) ?? 0) + 1);
        return word;
      }),
    ),
  );
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const counted = [...counts].toSorted((a, b) => b[1] - a[1]).map(([word, count]) => `${count} ${word}`);
  return [
    line(
      '',
      columns.map(({ state }) => state.slice(0, 6)),
    ),
    line(
      '',
      columns.map(({ method }) => method.slice(0, 6)),
    ),
    ...rows,
    `${total} cells: ${counted.join(', ')}`,
  ];
}
