import type { Figure } from '../figure.ts';

/** What has become of one ratio, or of one count, since it was published. */
export type Comparison = {
  kind: 'worse' | 'better' | 'same' | 'missing' | 'new';
  /** Section, case, row and metric, for people. */
  name: string;
  /** Undefined: there was none. */
  before: Comparable | undefined;
  /** Undefined: there is none any more. */
  now: Comparable | undefined;
};

/** A figure that may be compared with another run's. */
export type Comparable = {
  /** `× nginx`, or a unit. */
  unit: string;
  median: number;
  low: number;
  high: number;
};

/** The unit of what is counted, not timed: the same program gives the same figure. */
export const COUNT_UNIT = 'instructions';
/** Counts differ by what the collector of garbage happens to meet, and by no more. */
const COUNT_TOLERANCE = 0.02;
/**
 * Of the published median. Two runs of one program on one quiet machine move ratios by some per cent, even where all rounds of
 * either agree among themselves.
 */
const RATIO_TOLERANCE = 0.05;

/**
 * Compares ratios and counts, never times: those are the machine's. A ratio is worse where even the best round of now is worse than
 * the worst that was published, and the medians are further apart than `RATIO_TOLERANCE`: with five rounds each, chance alone brings
 * the first about in one of 252 rows.
 */
export function compareFigures(
  section: string,
  published: readonly Figure[],
  measured: readonly Figure[],
): Comparison[] {
  const before = byName(section, published);
  const now = byName(section, measured);
  return [...new Set([...before.keys(), ...now.keys()])].map((name) => {
    const [old, own] = [before.get(name), now.get(name)];
    return { name, before: old?.comparable, now: own?.comparable, kind: kindOf(old, own) };
  });
}

type Named = { better: Figure['better']; comparable: Comparable };

function kindOf(before: Named | undefined, now: Named | undefined): Comparison['kind'] {
  if (now === undefined) return 'missing';
  if (before === undefined) return 'new';
  const { better } = now;
  if (isBeyond(before.comparable, now.comparable, better === 'less')) return 'worse';
  return isBeyond(before.comparable, now.comparable, better === 'more') ? 'better' : 'same';
}

/** It has risen, or fallen, by more than the two may differ by chance. */
function isBeyond(before: Comparable, now: Comparable, upwards: boolean): boolean {
  const isCount = now.unit === COUNT_UNIT;
  const floor = Math.abs(before.median) * (isCount ? COUNT_TOLERANCE : RATIO_TOLERANCE);
  const moved = upwards ? now.median - before.median : before.median - now.median;
  if (moved <= floor) return false;
  return isCount || (upwards ? now.low > before.high : now.high < before.low);
}

function byName(section: string, figures: readonly Figure[]): Map<string, Named> {
  const named = new Map<string, Named>();
  for (const figure of figures) {
    const comparable = comparableOf(figure);
    if (comparable === undefined) continue;
    const where = [section, figure.case, figure.row, figure.metric].filter((part) => part !== '').join(', ');
    named.set(where, { better: figure.better, comparable });
  }
  return named;
}

/** The ratio to another row, or a figure that is a ratio, or a count by itself; undefined: only a time. */
export function comparableOf({ row, unit, ratio, median, low, high }: Figure): Comparable | undefined {
  if (ratio !== undefined) {
    // To itself it is 1 in every run.
    if (ratio.to === row) return undefined;
    return { unit: `× ${ratio.to}`, median: ratio.median, low: ratio.low, high: ratio.high };
  }
  return unit.startsWith('×') || unit === COUNT_UNIT ? { unit, median, low, high } : undefined;
}

/** Both runs have the same name in the same kind: what was met once only may have been chance. */
export function confirm(first: readonly Comparison[], second: readonly Comparison[]): Comparison[] {
  return second.map((comparison) => {
    const other = first.find(({ name }) => name === comparison.name);
    return comparison.kind === 'worse' && other?.kind !== 'worse'
      ? { ...comparison, kind: 'same' }
      : comparison;
  });
}
