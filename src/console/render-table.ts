import { type Html, html } from './html.ts';

export type Column<T> = {
  readonly title: string;
  readonly cell: (row: T) => Html | string | number;
  /** Figures stand at the right. */
  readonly isFigure?: boolean;
};

/** More rows are nothing that anybody reads, and a page must stay below what one that lags may be behind (1 MiB). */
const MAX_ROWS = 200;

/** A table that can be scrolled by keyboard where it is wider than the window; `none` where it has no row. */
export function renderTable<T>(
  caption: string,
  columns: readonly Column<T>[],
  rows: readonly T[],
  none: string,
): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  const head = columns.map(({ title, isFigure }) => html`<th scope="col"${figure(isFigure)}>${title}</th>`);
  const body = rows
    .slice(0, MAX_ROWS)
    .map((row) => html`<tr>${columns.map((column, index) => cell(column, row, index))}</tr>`);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>${renderMore(rows.length - MAX_ROWS)}`;
}

/** What is left out; the command line shows it. */
export function renderMore(count: number): Html {
  return count <= 0 ? html`` : html`<p class="none">and ${count} more</p>`;
}

function cell<T>(column: Column<T>, row: T, index: number): Html {
  const content = column.cell(row);
  // The first cell names its row, for whoever hears the table.
  if (index === 0) return html`<th scope="row"${figure(column.isFigure)}>${content}</th>`;
  return html`<td${figure(column.isFigure)}>${content}</td>`;
}

function figure(isFigure: boolean | undefined): Html {
  return isFigure === true ? html` class="figure"` : html``;
}

/** A word about a state, with a colour that only repeats what the word says. */
export function renderState(state: 'good' | 'odd' | 'bad', word: string): Html {
  return html`<span class="state ${state}">${word}</span>`;
}
