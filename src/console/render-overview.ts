import type { ConsoleFacts } from './console-facts.ts';
import { formatBytes, formatShare, formatSpan } from './format-figure.ts';
import { type Html, html } from './html.ts';
import { renderState, renderTable } from './render-table.ts';
import { sumTraffic, type TrafficSample } from './traffic-history.ts';

export function renderOverview(facts: ConsoleFacts): Html {
  const { failingChecks, now, startedAt, traffic, work, cache } = facts;
  const hour = sumTraffic(traffic);
  const sent = hour.cache + hour.fill + hour.upstream;
  const last = traffic.at(-1);
  const rate =
    last === undefined ? 0 : (1000 * (last.cache + last.fill + last.upstream)) / Math.max(1, last.spanMs);
  const figures: readonly (readonly [string, Html | string])[] = [
    [
      'State',
      failingChecks.length === 0
        ? renderState('good', 'ready')
        : renderState('bad', `not ready: ${failingChecks.join(', ')}`),
    ],
    ['Running for', formatSpan(now - startedAt)],
    ['Client connections', String(facts.connections)],
    ['Transfers', String(work.filter(({ kind }) => kind === 'transfer').length)],
    ['Fills', String(work.filter(({ kind }) => kind === 'fill').length)],
    ['Sent now', `${formatBytes(rate)}/s`],
    ['Sent in the last hour', formatBytes(sent)],
    ['Hit ratio, last hour', formatShare(hour.hits, hour.hits + hour.misses, 'no blob asked for')],
    ['Fetched ÷ sent, last hour', formatShare(hour.fetched, sent, 'nothing sent')],
    ['Disk cache', cache === undefined ? 'off' : showCache(cache)],
  ];
  return html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function showCache(cache: NonNullable<ConsoleFacts['cache']>): Html {
  const used = `${formatBytes(cache.publishedBytes + cache.partialBytes)} of ${formatBytes(cache.maxBytes)}, ${cache.blobs} blobs`;
  if (cache.degraded.length === 0) return html`${used}`;
  return html`${renderState('bad', `nothing is written: ${cache.degraded.join(', ')}`)} ${used}`;
}

/** Minutes of one row: twelve rows are an hour. */
const ROW_MINUTES = 5;

/** The same as the chart, for whoever does not see it. */
export function renderTraffic({ traffic }: ConsoleFacts): Html {
  const rows: { readonly from: number; readonly samples: TrafficSample[] }[] = [];
  for (const sample of traffic) {
    const from = Math.floor((sample.at - 1) / (ROW_MINUTES * 60_000)) * ROW_MINUTES * 60_000;
    const row = rows.find((known) => known.from === from);
    if (row === undefined) rows.push({ from, samples: [sample] });
    else row.samples.push(sample);
  }
  const sums = rows.toReversed().map(({ from, samples }) => ({ from, sum: sumTraffic(samples) }));
  return renderTable(
    `Traffic of the last hour, in steps of ${ROW_MINUTES} minutes (UTC)`,
    [
      { title: 'From', cell: ({ from }) => new Date(from).toISOString().slice(11, 16) },
      { title: 'From the cache', isFigure: true, cell: ({ sum }) => formatBytes(sum.cache) },
      { title: 'From fills', isFigure: true, cell: ({ sum }) => formatBytes(sum.fill) },
      { title: 'Streamed', isFigure: true, cell: ({ sum }) => formatBytes(sum.upstream) },
      { title: 'Fetched upstream', isFigure: true, cell: ({ sum }) => formatBytes(sum.fetched) },
      {
        title: 'Hit ratio',
        isFigure: true,
        cell: ({ sum }) => formatShare(sum.hits, sum.hits + sum.misses, '–'),
      },
    ],
    sums,
    'No sample yet; the first comes ten seconds after the start.',
  );
}
