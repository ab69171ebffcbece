import { createFigure, type Figure, type Ratio } from './figure.ts';
import { formatTable } from './markdown.ts';
import { formatSpread, spread } from './statistics.ts';

/** What a table takes from each round of a row. */
export type Column<T> = {
  /** Of the column in the table. */
  head: string;
  metric: string;
  unit: string;
  better: 'less' | 'more';
  /** After the decimal point; 2 if not given. */
  digits?: number;
  /** Undefined: this row has no such figure. */
  value: (round: T) => number | undefined;
  /** Only the most of all rounds is written. */
  most?: true;
  /** Written where a row has no such figure. */
  absent?: string;
  /** A further column: the ratio to a row of the same case within the same round. */
  ratio?: { head: string; to: RatioBase };
};

/** A row by its name, or the peer whose median is best in the case. */
export type RatioBase = { row: string } | 'best peer';

/** One line of a table; every row of a case has the same rounds. */
export type Row<T> = {
  name: string;
  case?: string;
  /** A program beside Berth that does the same work: one of them is the best. */
  peer?: boolean;
  rounds: readonly T[];
};

export type Table = { markdown: string; figures: readonly Figure[] };

/** A line for each row, named with its case, and a figure for each of its cells. */
export function tabulate<T>(rows: readonly Row<T>[], columns: readonly Column<T>[]): Table {
  const heads = columns.flatMap(({ head, ratio }) => [head, ...(ratio === undefined ? [] : [ratio.head])]);
  const figures: Figure[] = [];
  const lines = rows.map((row) => {
    const cells = columns.flatMap((column) => {
      const figure = figureOf(row, column, rows);
      if (figure !== undefined) figures.push(figure);
      const own = figure === undefined ? (column.absent ?? '') : formatFigure(figure, column);
      return column.ratio === undefined ? [own] : [own, formatRatio(figure?.ratio)];
    });
    return [row.case ? `${row.name}, ${row.case}` : row.name, ...cells];
  });
  return { markdown: formatTable(['', ...heads], lines), figures };
}

/** One column alone, the cases beside one another. */
export function tabulateCases<T>(rows: readonly Row<T>[], column: Column<T>): Table {
  const cases = [...new Set(rows.map((row) => row.case ?? ''))];
  const figures: Figure[] = [];
  const lines = [...new Set(rows.map(({ name }) => name))].map((name) => {
    const cells = cases.map((each) => {
      const row = rows.find((other) => other.name === name && (other.case ?? '') === each);
      const figure = row && figureOf(row, column, rows);
      if (figure !== undefined) figures.push(figure);
      return figure === undefined ? (column.absent ?? '') : formatFigure(figure, column);
    });
    return [name, ...cells];
  });
  return { markdown: formatTable(['', ...cases], lines), figures };
}

function figureOf<T>(row: Row<T>, column: Column<T>, rows: readonly Row<T>[]): Figure | undefined {
  const values = valuesOf(row, column);
  if (values === undefined) return undefined;
  const { metric, unit, better } = column;
  const what = { case: row.case ?? '', row: row.name, metric, unit, better };
  return createFigure(what, spread(values), ratioOf(row, column, rows));
}

/** Undefined where one of the rounds has none. */
function valuesOf<T>(row: Row<T>, { value }: Column<T>): readonly number[] | undefined {
  const values = row.rounds.map(value).filter((one) => one !== undefined);
  return values.length === row.rounds.length && values.length > 0 ? values : undefined;
}

function ratioOf<T>(row: Row<T>, column: Column<T>, rows: readonly Row<T>[]): Ratio | undefined {
  const values = valuesOf(row, column);
  const base = baseOf(row, column, rows);
  const baseValues = base && valuesOf(base, column);
  if (values === undefined || base === undefined || baseValues === undefined) return undefined;
  const { median, min, max } = spread(
    values.map((value, round) => value / (baseValues[round] ?? Number.NaN)),
  );
  return { to: base.name, median, low: min, high: max };
}

function baseOf<T>(row: Row<T>, column: Column<T>, rows: readonly Row<T>[]): Row<T> | undefined {
  const to = column.ratio?.to;
  if (to === undefined) return undefined;
  const candidates = rows.filter((other) => (other.case ?? '') === (row.case ?? ''));
  if (to !== 'best peer') return candidates.find(({ name }) => name === to.row);
  const peers = candidates.flatMap((candidate) => {
    const values = candidate.peer === true ? valuesOf(candidate, column) : undefined;
    return values === undefined ? [] : [{ candidate, median: spread(values).median }];
  });
  const sign = column.better === 'less' ? 1 : -1;
  return peers.toSorted((a, b) => sign * (a.median - b.median)).at(0)?.candidate;
}

function formatFigure<T>({ median, low, high }: Figure, { digits = 2, most }: Column<T>): string {
  return most ? high.toFixed(digits) : formatSpread({ median, min: low, max: high }, digits);
}

function formatRatio(ratio: Ratio | undefined): string {
  return ratio === undefined ? '' : formatSpread({ median: ratio.median, min: ratio.low, max: ratio.high });
}
