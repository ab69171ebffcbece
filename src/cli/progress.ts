/** What is under way, as bars on a terminal. */
export type Progress = {
  /** @param total in bytes */
  begin(label: string, total: number): ProgressBar;
  /** Takes the bars away, for something else to be printed. */
  clear(): void;
};

export type ProgressBar = {
  /** Bytes more than before; negative where something begins anew. */
  advance(bytes: number): void;
  /** Takes the bar away. */
  end(): void;
};

/** Milliseconds between two pictures: more are seen by nobody. */
const PICTURE_MS = 100;
/** Lines; more would scroll on small terminals. */
const MAX_BARS = 10;

/** @param options.columns undefined: not a terminal, and nothing is written */
export function createProgress(options: {
  readonly columns: number | undefined;
  readonly write: (text: string) => void;
  /** Milliseconds. */
  readonly now: () => number;
}): Progress {
  const { columns, write, now } = options;
  if (columns === undefined) {
    return { begin: () => ({ advance: () => undefined, end: () => undefined }), clear: () => undefined };
  }
  const bars = new Set<{ label: string; total: number; done: number }>();
  let drawn = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;

  function clear(): void {
    // Back to the first of the lines, and everything from there on gone (ECMA-48: CPL, ED).
    if (drawn > 0) write(`\u001b[${drawn}F\u001b[J`);
    drawn = 0;
  }

  function draw(): void {
    drawnAt = now();
    clear();
    const lines = [...bars].slice(0, MAX_BARS).map((bar) => formatBar(bar, columns ?? 0));
    write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  }

  return {
    begin(label, total) {
      const bar = { label, total, done: 0 };
      bars.add(bar);
      draw();
      return {
        advance(bytes) {
          bar.done += bytes;
          if (now() - drawnAt >= PICTURE_MS) draw();
        },
        end() {
          if (bars.delete(bar)) draw();
        },
      };
    },
    clear,
  };
}

/** One line that fits: a label, a bar, and how much of how much. */
export function formatBar(
  { label, total, done }: { readonly label: string; readonly total: number; readonly done: number },
  columns: number,
): string {
  const share = total === 0 ? 1 : Math.min(1, Math.max(0, done / total));
  const amount = `${String(Math.floor(share * 100)).padStart(3)} %  ${formatBytes(done)} of ${formatBytes(total)}`;
  const width = Math.max(0, Math.min(40, columns - label.length - amount.length - 7));
  const filled = Math.round(share * width);
  const bar = width < 5 ? '' : `[${'='.repeat(filled)}${' '.repeat(width - filled)}]  `;
  return `${label}  ${bar}${amount}`.slice(0, Math.max(0, columns - 1));
}

/** `12.3 MiB` */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
