import tap from 'tap';

import type { Figure } from '../../../bench/figure.ts';
import { formatSectionPicture } from '../../../bench/svg/section-picture.ts';

const RANGE = { median: 1, low: 0.5, high: 2 };
const BASE = { case: '', metric: 'CPU', unit: 's/GiB', better: 'less', ...RANGE } as const;
const FIGURES: readonly Figure[] = [
  { ...BASE, row: 'nginx', ratio: { to: 'nginx', ...RANGE } },
  { ...BASE, row: 'Berth <1>', ratio: { to: 'nginx', median: 2.5, low: 2.25, high: 2.75 } },
  { ...BASE, row: 'Berth', metric: 'peak resident memory', unit: 'MiB' },
  { ...BASE, row: 'Berth', metric: 'bytes from the storage', unit: '× the blob', case: '50 clients' },
];

function draw(figures: readonly Figure[] = FIGURES): string {
  return formatSectionPicture('Warm & cold', figures) ?? '';
}

await tap.test('each ratio has a bar, whiskers and its value; a time has none', async (t) => {
  const svg = draw();
  t.equal(svg.match(/<rect class="(own|other)"/g)?.length, 3);
  t.equal(svg.match(/<path class="whisker"/g)?.length, 3);
  t.match(svg, '>2.50 (2.25–2.75)</text>');
  t.match(svg, '>CPU, × nginx (less is better)</text>');
  t.match(svg, '>50 clients: bytes from the storage, × the blob (less is better)</text>');
  t.notMatch(svg, 'peak resident memory');
  t.equal(svg.match(/class="mark"/g)?.length, 1, 'the row that others are compared with');
  const width = (row: number): number =>
    Number([...svg.matchAll(/<rect class="(?:own|other)" [^>]*width="([\d.]+)"/g)][row]?.[1]);
  t.ok(Math.abs(width(1) / width(0) - 2.5) < 0.01, 'bars are in proportion');
});

await tap.test('it can be read aloud, in the dark, and runs nothing', async (t) => {
  const svg = draw();
  t.match(
    svg,
    /^<svg [^>]*role="img" aria-labelledby="title desc">\n<title id="title">Warm &amp; cold<\/title>\n<desc id="desc">/,
  );
  t.match(
    svg,
    /<desc id="desc">CPU, × nginx \(less is better\): nginx 1\.00 \(0\.50–2\.00\); Berth &lt;1&gt; 2\.50 /,
  );
  t.match(svg, '@media(prefers-color-scheme:dark)');
  t.notMatch(svg, /<script|<foreignObject|href=|url\(|\son\w+=/);
});

await tap.test('the same figures give the same picture', async (t) => {
  t.equal(draw(), draw(structuredClone([...FIGURES])));
});

await tap.test('nothing to compare is no picture', async (t) => {
  t.equal(formatSectionPicture('Nothing', []), undefined);
  t.equal(formatSectionPicture('Times', FIGURES.slice(2, 3)), undefined);
  const counts = [{ ...BASE, row: 'range', unit: 'instructions' }];
  t.equal(formatSectionPicture('Counts', counts), undefined);
});

await tap.test('a long label is cut, and bars stay on the page', async (t) => {
  const long: Figure = {
    ...BASE,
    row: 'x'.repeat(300),
    ratio: { to: 'nginx', median: 1e6, low: 1, high: 1e6 },
  };
  const svg = draw([long]);
  t.match(svg, new RegExp(`>x{57}…</text>`));
  for (const [, value = ''] of svg.matchAll(/ x="([\d.-]+)"/g)) {
    t.ok(Number(value) >= 0 && Number(value) < 860, value);
  }
});
