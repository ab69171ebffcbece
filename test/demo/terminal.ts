export type Style = {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
  accent(text: string): string;
};

/** Colours for a terminal that wants them: off where output is no terminal or NO_COLOR is set (https://no-color.org). */
export function createStyle(output: { readonly isTTY?: boolean }, noColor: string | undefined): Style {
  const coloured = output.isTTY === true && (noColor === undefined || noColor === '');
  const paint = (code: number) => (text: string) => (coloured ? `\u001B[${code}m${text}\u001B[0m` : text);
  return { bold: paint(1), dim: paint(2), good: paint(32), bad: paint(31), accent: paint(36) };
}

/** Aligned columns, the first to the left and the others to the right, with a rule below the head. */
export function formatTable(
  style: Style,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('   ');
  const rule = widths.map((width) => '─'.repeat(width)).join('───');
  return [style.dim(line(head)), style.dim(rule), ...rows.map(line)].map((text) => `    ${text}\n`).join('');
}

/** Bytes in the largest binary unit that leaves at least one: `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const step = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${units[step]}`;
}
