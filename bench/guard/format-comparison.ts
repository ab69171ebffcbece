import { formatTable } from '../markdown.ts';
import { formatSpread } from '../statistics.ts';
import { COUNT_UNIT, type Comparable, type Comparison } from './compare.ts';

const HEADINGS = {
  worse: 'Worse',
  missing: 'Missing: published, and not measured any more',
  better: 'Better: worth publishing',
  new: 'New: not published yet, and not guarded',
} as const;

/** What has changed, worst first, and how much has not. */
export function formatComparisons(comparisons: readonly Comparison[]): string {
  const parts = (['worse', 'missing', 'better', 'new'] as const).flatMap((kind) => {
    const those = comparisons.filter((comparison) => comparison.kind === kind);
    if (those.length === 0) return [];
    const rows = those.map(({ name, before, now }) => [name, format(before), format(now)]);
    return [`## ${HEADINGS[kind]}\n\n${formatTable(['', 'published', 'now'], rows)}`];
  });
  const same = comparisons.filter(({ kind }) => kind === 'same').length;
  return [...parts, `${same} of ${comparisons.length} as published.`].join('\n\n');
}

/** A guard that does not find what it is to guard has failed, too. */
export function isFailure({ kind }: Comparison): boolean {
  return kind === 'worse' || kind === 'missing';
}

function format(comparable: Comparable | undefined): string {
  if (comparable === undefined) return '';
  const { unit, median, low, high } = comparable;
  const value =
    unit === COUNT_UNIT ? String(Math.round(median)) : formatSpread({ median, min: low, max: high });
  return `${value} ${unit}`;
}
