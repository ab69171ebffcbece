import { stringify } from 'yaml';

export const OUTPUT_FORMATS = ['json', 'yaml', 'table', 'tsv'] as const;

export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** A document for programs and the same as rows for people; `rows` are in the order of `header`. */
export type Output = {
  readonly document: unknown;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

/** The text in the format that `-o` chose, with its final line end. */
export function formatOutput(output: Output, format: OutputFormat): string {
  if (format === 'json') return `${JSON.stringify(output.document, null, 2)}\n`;
  if (format === 'yaml') return stringify(output.document);
  if (format === 'tsv') return output.rows.map((row) => `${row.join('\t')}\n`).join('');
  const lines = [output.header, ...output.rows];
  const widths = output.header.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
