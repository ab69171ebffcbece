import type { Figure, Ratio } from '../figure.ts';

/** A section as it was measured once. */
export type PublishedSection = {
  /** What `describeMachine` said then. */
  machine: Readonly<Record<string, unknown>>;
  /** The flags of the run by their names: what was measured depends on them. */
  settings: Readonly<Record<string, number>>;
  figures: readonly Figure[];
};

/** The figures of the report as data, by the names of their sections; each may be of another run. */
export type Published = Readonly<Record<string, PublishedSection>>;

const FORMAT = 1;

/** With a section in place of the last one of its name, in the order of `names`; what has none of these is gone. */
export function publishSection(
  previous: Published,
  name: string,
  section: PublishedSection,
  names: readonly string[],
): Published {
  const all: Published = { ...previous, [name]: section };
  return Object.fromEntries(
    names.flatMap((each) => {
      const found = all[each];
      return found === undefined ? [] : [[each, found]];
    }),
  );
}

/** One figure a line, so that a change can be read. */
export function formatPublished(published: Published): string {
  const sections = Object.entries(published).map(([name, { machine, settings, figures }]) => {
    // JSON has no word for what is not finite, and nobody can compare it: the report alone says so.
    const lines = figures.filter(isFinite).map((figure) => `        ${JSON.stringify(roundFigure(figure))}`);
    const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n      ]`;
    return `    ${JSON.stringify(name)}: {
      "machine": ${JSON.stringify(machine)},
      "settings": ${JSON.stringify(settings)},
      "figures": ${list}
    }`;
  });
  return `{
  "format": ${FORMAT},
  "sections": {${sections.length === 0 ? '' : `\n${sections.join(',\n')}\n  `}}
}
`;
}

/** Throws where the text is not what `formatPublished` writes, with the place. */
export function parsePublished(text: string): Published {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error('the published figures are not JSON; publish them anew with npm run bench', {
      cause: error,
    });
  }
  const { format, sections } = objectAt(content, 'the published figures');
  if (format !== FORMAT) {
    throw new Error(`the published figures have format ${String(format)}, not ${FORMAT}; publish them anew`);
  }
  return Object.fromEntries(
    Object.entries(objectAt(sections, 'sections')).map(([name, section]) => [
      name,
      parseSection(section, name),
    ]),
  );
}

function parseSection(value: unknown, name: string): PublishedSection {
  const { machine, settings, figures } = objectAt(value, name);
  if (!Array.isArray(figures)) throw new Error(`${name}.figures is no list; publish the section anew`);
  return {
    machine: objectAt(machine, `${name}.machine`),
    settings: Object.fromEntries(
      Object.entries(objectAt(settings, `${name}.settings`)).map(([flag, setting]) => [
        flag,
        numberAt(setting, `${name}.settings.${flag}`),
      ]),
    ),
    figures: figures.map((figure, at) => parseFigure(figure, `${name}.figures[${at}]`)),
  };
}

function parseFigure(value: unknown, where: string): Figure {
  const figure = objectAt(value, where);
  const { better } = figure;
  if (better !== 'less' && better !== 'more') throw new Error(`${where}.better is neither less nor more`);
  return {
    case: textAt(figure['case'], `${where}.case`),
    row: textAt(figure['row'], `${where}.row`),
    metric: textAt(figure['metric'], `${where}.metric`),
    unit: textAt(figure['unit'], `${where}.unit`),
    better,
    ...parseRange(figure, where),
    ...(figure['ratio'] === undefined ? {} : { ratio: parseRatio(figure['ratio'], `${where}.ratio`) }),
  };
}

function parseRatio(value: unknown, where: string): Ratio {
  const ratio = objectAt(value, where);
  return { to: textAt(ratio['to'], `${where}.to`), ...parseRange(ratio, where) };
}

function parseRange(
  value: Readonly<Record<string, unknown>>,
  where: string,
): { median: number; low: number; high: number } {
  return {
    median: numberAt(value['median'], `${where}.median`),
    low: numberAt(value['low'], `${where}.low`),
    high: numberAt(value['high'], `${where}.high`),
  };
}

function objectAt(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${where} is no object; publish it anew with npm run bench`);
  }
  return value as Record<string, unknown>;
}

function textAt(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new Error(`${where} is no text; publish the section anew`);
  return value;
}

function numberAt(value: unknown, where: string): number {
  if (typeof value !== 'number') throw new Error(`${where} is no number; publish the section anew`);
  return value;
}

function isFinite({ median, low, high, ratio }: Figure): boolean {
  const values = [median, low, high, ...(ratio === undefined ? [] : [ratio.median, ratio.low, ratio.high])];
  return values.every(Number.isFinite);
}

function roundFigure(figure: Figure): Figure {
  const { ratio } = figure;
  return {
    ...figure,
    ...roundRange(figure),
    ...(ratio === undefined ? {} : { ratio: { ...ratio, ...roundRange(ratio) } }),
  };
}

/** Five digits: more than any of the spreads leaves. */
function roundRange({ median, low, high }: Omit<Ratio, 'to'>): Omit<Ratio, 'to'> {
  const round = (value: number): number => Number(value.toPrecision(DIGITS));
  return { median: round(median), low: round(low), high: round(high) };
}

const DIGITS = 5;
