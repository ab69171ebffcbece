import type { Figure } from '../figure.ts';
import { COUNT_UNIT, comparableOf } from '../guard/compare.ts';
import { type Bar, formatBarChart, formatBarValue, type Panel } from './bar-chart.ts';

const OWN = /^Berth\b/;

/** The ratios of a section, a panel for each metric of each case; undefined where it has none. */
export function formatSectionPicture(title: string, figures: readonly Figure[]): string | undefined {
  const panels = new Map<string, { panel: Panel; bars: Bar[] }>();
  for (const figure of figures) {
    const found = barOf(figure);
    if (found === undefined) continue;
    const { bar, heading, mark } = found;
    const known = panels.get(heading);
    if (known !== undefined) known.bars.push(bar);
    else {
      const bars = [bar];
      panels.set(heading, { bars, panel: { title: heading, bars, ...(mark && { mark: 1 }) } });
    }
  }
  const drawn = [...panels.values()].map(({ panel }) => panel);
  const description = drawn
    .map(({ title: heading, bars }) => `${heading}: ${bars.map(describeBar).join('; ')}.`)
    .join(' ');
  return formatBarChart({ title, description, panels: drawn });
}

function barOf(figure: Figure): { bar: Bar; heading: string; mark: boolean } | undefined {
  const { row, metric, ratio, better } = figure;
  const own = { label: row, isOwn: OWN.test(row) };
  const place = figure.case === '' ? metric : `${figure.case}: ${metric}`;
  const hint = `${better} is better`;
  if (ratio !== undefined) {
    const { median: value, low, high } = ratio;
    return { bar: { ...own, value, low, high }, heading: `${place}, × ${ratio.to} (${hint})`, mark: true };
  }
  const comparable = comparableOf(figure);
  // Counts of different things are not to be compared by the length of a bar.
  if (comparable === undefined || comparable.unit === COUNT_UNIT) return undefined;
  const { median: value, low, high, unit } = comparable;
  return { bar: { ...own, value, low, high }, heading: `${place}, ${unit} (${hint})`, mark: false };
}

function describeBar(bar: Bar): string {
  return `${bar.label} ${formatBarValue(bar)}`;
}
