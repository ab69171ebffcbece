import tap from 'tap';

import type { Figure } from '../../../bench/figure.ts';
import { formatPublished, parsePublished, publishSection } from '../../../bench/guard/published.ts';

const FIGURE: Figure = {
  case: 'TLS',
  row: 'Berth',
  metric: 'CPU',
  unit: 's/GiB',
  better: 'less',
  median: 0.123456789,
  low: 0.1,
  high: 123456.7,
  ratio: { to: 'nginx', median: 1.5, low: 1, high: 2 },
};
const SECTION = {
  machine: { date: '2026-11-24', cores: 2, programs: ['nginx 1.22'] },
  settings: { rounds: 5 },
  figures: [FIGURE],
};

await tap.test('what is published is read again, to five digits', async (t) => {
  const { ratio: _, ...plain } = FIGURE;
  const published = {
    warm: SECTION,
    start: { ...SECTION, figures: [plain, FIGURE] },
    none: { ...SECTION, figures: [] },
  };
  const read = parsePublished(formatPublished(published));
  t.same(Object.keys(read), ['warm', 'start', 'none']);
  t.same(read['warm'], { ...SECTION, figures: [{ ...FIGURE, median: 0.12346, high: 123460 }] });
  t.equal(formatPublished(read), formatPublished(published));
  t.same(parsePublished(formatPublished({})), {});
});

await tap.test('what is not finite is not published', async (t) => {
  const figures = [
    { ...FIGURE, high: Number.POSITIVE_INFINITY },
    { ...FIGURE, ratio: { to: 'nginx', median: Number.NaN, low: 1, high: 1 } },
  ];
  t.same(parsePublished(formatPublished({ warm: { ...SECTION, figures } }))['warm']?.figures, []);
});

await tap.test('a section replaces its own last run, in the order of the report', async (t) => {
  const names = ['warm', 'start'];
  const first = publishSection({ gone: SECTION }, 'start', SECTION, names);
  const both = publishSection(first, 'warm', SECTION, names);
  t.same(Object.keys(both), ['warm', 'start']);
  const again = publishSection(both, 'start', { ...SECTION, figures: [] }, names);
  t.same([again['warm']?.figures.length, again['start']?.figures.length], [1, 0]);
});

await tap.test('what is damaged is refused with its place', async (t) => {
  const text = formatPublished({ warm: SECTION });
  const change = (from: string, to: string): (() => unknown) => {
    t.match(text, from);
    return () => parsePublished(text.replace(from, to));
  };
  t.throws(() => parsePublished('# Performance'), { message: /not JSON/ });
  t.throws(() => parsePublished('[]'), { message: /the published figures is no object/ });
  t.throws(change('"format": 1', '"format": 2'), { message: /format 2, not 1/ });
  t.throws(change('"low":0.1', '"low":null'), { message: /^warm\.figures\[0\]\.low is no number/ });
  t.throws(change('"row":"Berth"', '"row":7'), { message: /^warm\.figures\[0\]\.row is no text/ });
  t.throws(change('"better":"less"', '"better":"worse"'), { message: /^warm\.figures\[0\]\.better/ });
  t.throws(change('"to":"nginx"', '"of":"nginx"'), { message: /^warm\.figures\[0\]\.ratio\.to is no text/ });
  t.throws(change('"rounds":5', '"rounds":"5"'), { message: /^warm\.settings\.rounds/ });
  t.throws(
    () => parsePublished('{"format":1,"sections":{"warm":{"machine":{},"settings":{},"figures":{}}}}'),
    {
      message: /^warm\.figures is no list/,
    },
  );
});
