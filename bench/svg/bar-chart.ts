import { element, type Markup, text } from './element.ts';
import { createScale } from './scale.ts';

export type Bar = {
  label: string;
  value: number;
  /** Ends of the whisker. */
  low: number;
  high: number;
  /** Drawn so that it stands out. */
  isOwn: boolean;
};

export type Panel = {
  title: string;
  bars: readonly Bar[];
  /** A line across all bars, such as that of the row they are compared with. */
  mark?: number;
};

const WIDTH = 860;
const MARGIN = 16;
const TITLE_HEIGHT = 30;
const PANEL_TITLE_HEIGHT = 26;
const ROW_HEIGHT = 22;
const BAR_HEIGHT = 14;
const AXIS_HEIGHT = 26;
const VALUE_WIDTH = 130;
const WHISKER_HEIGHT = 8;
/** Of a sans-serif letter at 12 pixels, on the wide side: labels must not run into bars. */
const LETTER_WIDTH = 6.6;
const MOST_LABEL_LETTERS = 58;

/** Colours of either scheme have a contrast of 4.5 or more for text and 3 for bars. No script, no font from elsewhere. */
const STYLE = `svg{font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.ground{fill:#fff}.text{fill:#1f2328}.quiet{fill:#59636e}.title{font-size:15px;font-weight:600}.panel{font-weight:600}
.own{fill:#0969da}.other{fill:#818b98}.grid{stroke:#d1d9e0}.mark{stroke:#1f2328;stroke-dasharray:4 3}.whisker{stroke:#1f2328;stroke-width:1.5;fill:none}
@media(prefers-color-scheme:dark){.ground{fill:#0d1117}.text{fill:#f0f6fc}.quiet{fill:#9198a1}.own{fill:#4493f8}.other{fill:#656c76}
.grid{stroke:#3d444d}.mark,.whisker{stroke:#f0f6fc}}`;

/** Horizontal bars with whiskers, a panel below the other; undefined where there is nothing to draw. */
export function formatBarChart(chart: {
  title: string;
  description: string;
  panels: readonly Panel[];
}): string | undefined {
  const panels = chart.panels.filter(({ bars }) => bars.length > 0);
  if (panels.length === 0) return undefined;
  const letters = Math.max(...panels.flatMap(({ bars }) => bars.map(({ label }) => shorten(label).length)));
  const left = MARGIN + letters * LETTER_WIDTH + 8;
  let top = MARGIN + TITLE_HEIGHT;
  const drawn: Markup[] = [];
  for (const panel of panels) {
    drawn.push(drawPanel(panel, left, top));
    top += PANEL_TITLE_HEIGHT + panel.bars.length * ROW_HEIGHT + AXIS_HEIGHT;
  }
  const svg = element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${WIDTH} ${top + MARGIN}`,
      width: WIDTH,
      height: top + MARGIN,
      role: 'img',
      'aria-labelledby': 'title desc',
    },
    element('title', { id: 'title' }, text(chart.title)),
    element('desc', { id: 'desc' }, text(chart.description)),
    element('style', {}, STYLE as Markup),
    element('rect', { class: 'ground', width: WIDTH, height: top + MARGIN, rx: 6 }),
    element('text', { class: 'text title', x: MARGIN, y: MARGIN + 14 }, text(chart.title)),
    ...drawn,
  );
  return `${svg}\n`;
}

function drawPanel({ title, bars, mark }: Panel, left: number, top: number): Markup {
  const pixels = WIDTH - left - VALUE_WIDTH - MARGIN;
  const scale = createScale(Math.max(mark ?? 0, ...bars.map(({ high }) => high)), pixels);
  const first = top + PANEL_TITLE_HEIGHT;
  const bottom = first + bars.length * ROW_HEIGHT;
  const vertical = (value: number, name: string): Markup =>
    element('line', {
      class: name,
      x1: left + scale.at(value),
      x2: left + scale.at(value),
      y1: first - 4,
      y2: bottom,
    });
  return element(
    'g',
    {},
    element('text', { class: 'text panel', x: MARGIN, y: top + 14 }, text(title)),
    ...scale.ticks.map((tick) => vertical(tick, 'grid')),
    ...scale.ticks.map((tick) =>
      element(
        'text',
        { class: 'quiet', x: left + scale.at(tick), y: bottom + 14, 'text-anchor': 'middle' },
        text(String(tick)),
      ),
    ),
    ...bars.flatMap((bar, at) =>
      drawBar(bar, { left, middle: first + (at + 0.5) * ROW_HEIGHT, end: left + pixels, at: scale.at }),
    ),
    ...(mark === undefined ? [] : [vertical(mark, 'mark')]),
  );
}

function drawBar(
  { label, value, low, high, isOwn }: Bar,
  place: { left: number; middle: number; end: number; at: (value: number) => number },
): Markup[] {
  const { left, middle, end, at } = place;
  const [from, to] = [left + at(low), left + at(high)];
  const half = WHISKER_HEIGHT / 2;
  const cap = (x: number): string => `M${x.toFixed(1)} ${middle - half}v${WHISKER_HEIGHT}`;
  return [
    element(
      'text',
      { class: 'text', x: left - 8, y: middle + 4, 'text-anchor': 'end' },
      text(shorten(label)),
    ),
    element('rect', {
      class: isOwn ? 'own' : 'other',
      x: left,
      y: middle - BAR_HEIGHT / 2,
      width: at(value),
      height: BAR_HEIGHT,
    }),
    element('path', {
      class: 'whisker',
      d: `${cap(from)}${cap(to)}M${from.toFixed(1)} ${middle}H${to.toFixed(1)}`,
    }),
    element(
      'text',
      { class: 'quiet', x: end + 10, y: middle + 4 },
      text(formatBarValue({ value, low, high })),
    ),
  ];
}

/** `1.24 (1.20–1.31)`. */
export function formatBarValue({ value, low, high }: Pick<Bar, 'value' | 'low' | 'high'>): string {
  const digits = Math.abs(high) >= 100 ? 0 : 2;
  return `${value.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

function shorten(label: string): string {
  return label.length <= MOST_LABEL_LETTERS ? label : `${label.slice(0, MOST_LABEL_LETTERS - 1)}…`;
}
