import { readFile } from 'node:fs/promises';
import tap from 'tap';
import { OCI_ERRORS } from '../../src/oci/error.ts';
import { STATUS_ERRORS } from '../../src/oci/status-error.ts';

const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');

/** Cells of the table rows under a heading. */
function rowsUnder(heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

await tap.test('the document has every code with its status, and no other', (t) => {
  const documented = rowsUnder('Codes').map(([code, status]) => `${code} ${status}`);
  const declared = Object.entries(OCI_ERRORS).map(([code, { status }]) => `\`${code}\` ${status}`);
  t.strictSame(documented, declared.toSorted());
  t.end();
});

await tap.test('and every status without a code, and no other', (t) => {
  const documented = rowsUnder('Answers without a code of their own').map(
    ([status, code]) => `${status} ${code}`,
  );
  const declared = Object.entries(STATUS_ERRORS).map(([status, { code }]) => `${status} \`${code}\``);
  t.strictSame(documented, declared);
  t.end();
});

await tap.test('each row says what it means and what to do', (t) => {
  for (const row of [...rowsUnder('Codes'), ...rowsUnder('Answers without a code of their own')]) {
    t.equal(row.length, 4, row.join(' '));
    for (const cell of row.slice(2)) t.match(cell, /^[A-Z`].*\.$/, `${row[0]}: ${cell}`);
  }
  t.end();
});
