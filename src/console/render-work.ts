import type { WorkView } from '../metrics/running-work.ts';
import type { ConsoleCertificate, ConsoleFacts } from './console-facts.ts';
import { formatBytes, formatShare, formatSpan } from './format-figure.ts';
import { type Html, html } from './html.ts';
import { type Column, renderMore, renderState, renderTable } from './render-table.ts';

/** Rows of one table: more is nothing that anybody reads, and the page must stay small. */
const MAX_ROWS = 50;

type Blob = Extract<WorkView, { kind: 'transfer' | 'fill' }>;

export function renderFills({ work, now }: ConsoleFacts): Html {
  const fills = work.filter((view) => view.kind === 'fill');
  return html`${renderTable('Fills: blobs on their way to the cache', columns(now), fills.slice(0, MAX_ROWS), 'No fill is under way.')}${renderMore(fills.length - MAX_ROWS)}`;
}

export function renderTransfers({ work, now }: ConsoleFacts): Html {
  const transfers = work.filter((view) => view.kind === 'transfer');
  const client: Column<Blob> = {
    title: 'Client network',
    cell: (view) => (view.kind === 'transfer' ? view.client : ''),
  };
  return html`${renderTable('Transfers: blobs on their way to clients', [...columns(now), client], transfers.slice(0, MAX_ROWS), 'No transfer is under way.')}${renderMore(transfers.length - MAX_ROWS)}`;
}

function columns(now: number): Column<Blob>[] {
  return [
    { title: 'Blob', cell: ({ digest }) => html`<code title="${digest}">${digest.slice(0, 19)}…</code>` },
    { title: 'Registry', cell: ({ registry }) => registry },
    {
      title: 'Done',
      isFigure: true,
      cell: ({ movedBytes, length }) =>
        length === undefined
          ? formatBytes(movedBytes)
          : `${formatBytes(movedBytes)} of ${formatBytes(length)}, ${formatShare(movedBytes, length, '100 %')}`,
    },
    { title: 'Since', isFigure: true, cell: ({ since }) => formatSpan(now - since) },
    { title: 'Without a byte for', isFigure: true, cell: ({ idleMs }) => formatSpan(idleMs) },
    { title: 'Waits for', cell: ({ waitsFor }) => waitsFor ?? '–' },
  ];
}

export function renderRefusals({ refusals, now }: ConsoleFacts): Html {
  return renderTable(
    'Most frequent refusals since the start',
    [
      { title: 'Reason', cell: ({ reason }) => html`<code>${reason}</code>` },
      { title: 'Detail', cell: ({ detail }) => detail ?? '–' },
      { title: 'Registry', cell: ({ registry }) => registry ?? '–' },
      { title: 'Count', isFigure: true, cell: ({ count }) => count },
      { title: 'Last', isFigure: true, cell: ({ lastSeen }) => `${formatSpan(now - lastSeen)} ago` },
    ],
    refusals,
    'Nothing was refused.',
  );
}

const DAY_MS = 86_400_000;
/** Days left that are too few: renewal by ACME is due at thirty, and by hand takes a week. */
const SOON_DAYS = 21;

export function renderCertificates({ certificates, now }: ConsoleFacts): Html {
  return renderTable<ConsoleCertificate>(
    'Certificates that are served',
    [
      { title: 'Names', cell: ({ names }) => names.join(', ') },
      { title: 'Valid until', cell: ({ notAfter }) => new Date(notAfter).toISOString().slice(0, 10) },
      { title: 'Days left', isFigure: true, cell: ({ notAfter }) => daysLeft(notAfter - now) },
    ],
    certificates,
    'No listener has TLS of its own.',
  );
}

function daysLeft(milliseconds: number): Html {
  const days = Math.floor(milliseconds / DAY_MS);
  if (days < 0) return renderState('bad', 'expired');
  return days < SOON_DAYS ? renderState('odd', `${days}: renew`) : renderState('good', String(days));
}
