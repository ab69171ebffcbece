import type { Spread } from './statistics.ts';

/** One number of a section, over all its rounds. */
export type Figure = {
  /** Which of the section's cases; empty where it has but one. */
  case: string;
  /** Who was measured. */
  row: string;
  /** What was measured, the same word in every section. */
  metric: string;
  unit: string;
  better: 'less' | 'more';
  median: number;
  low: number;
  high: number;
  /** The ratio to another row of the same case, taken within each round. Undefined: none is of interest. */
  ratio?: Ratio;
};

export type Ratio = {
  /** The other row. */
  to: string;
  median: number;
  low: number;
  high: number;
};

export function createFigure(
  what: Pick<Figure, 'case' | 'row' | 'metric' | 'unit' | 'better'>,
  { median, min, max }: Spread,
  ratio?: Ratio,
): Figure {
  return { ...what, median, low: min, high: max, ...(ratio === undefined ? {} : { ratio }) };
}
