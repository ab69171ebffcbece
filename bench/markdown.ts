const MEBIBYTE = 1024 ** 2;

/** A Markdown table whose first column is text and whose others are figures. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function mebibytes(bytes: number): string {
  return (bytes / MEBIBYTE).toFixed(0);
}
