import { BLOB_BYTES, type CellState } from './cells.ts';
import type { Strike } from './run-fault.ts';
import type { MatrixTimeouts } from './scene.ts';
import { DNS_LOSS, REFUSED, SPOOL_DELETED, storage } from './strikes.ts';

/**
 * What each of GET, HEAD, a range and several ranges sees, in this order, in the words of `Seen`. `a/b`: either, since two
 * things happen at the same time. States that are left out: `ok` in all.
 */
export type Expected = Readonly<Partial<Record<CellState, string>>>;

export type FaultRow = {
  readonly name: string;
  readonly fault: Strike;
  readonly seen: Expected;
  /** Of each client that was there first where the blob was being filled. */
  readonly leader: string;
  /** The same request, the first one when the fault is gone. */
  readonly after?: Expected;
  /** The whole, asked for next. */
  readonly whole?: Expected;
  readonly timeouts?: MatrixTimeouts;
};

/** Seconds until silence is a failure: only where silence is the fault. */
const IMPATIENT: MatrixTimeouts = { headersSeconds: 1, idleSeconds: 1 };
const MIDDLE = BLOB_BYTES / 2;

/** With no other source a reader gets what is there, and then the end of its connection; it comes back for the rest. */
const CUT_OFF = 'short ok short short';

/** What a storage host that gives no byte at all comes to; the length of the partial blob is not known to a HEAD. */
function noByte(status: number): Pick<FaultRow, 'seen' | 'leader'> {
  return {
    seen: {
      cold: `${status} ${status} ${status} ${status}`,
      filling: CUT_OFF,
      partial: `short ${status} short short`,
    },
    leader: 'short',
  };
}

const ALL_WELL: Pick<FaultRow, 'seen' | 'leader'> = { seen: {}, leader: 'ok' };

function cuts(name: string, how: 'fin' | 'reset'): readonly FaultRow[] {
  // The range begins after the first place, so nothing of it ever comes; it ends before the last.
  const rows = [
    { at: '1 %', position: BLOB_BYTES / 100, cold: 'short ok 502 short', rest: CUT_OFF },
    { at: '50 %', position: MIDDLE, cold: CUT_OFF, rest: CUT_OFF },
    { at: 'the last byte', position: BLOB_BYTES - 1, cold: 'short ok ok short', rest: 'short ok ok short' },
  ];
  return rows.map(({ at, position, cold, rest }) => ({
    name: `${name} at ${at}`,
    fault: storage({ kind: 'endsAt', position, how }),
    seen: { cold, filling: rest, partial: rest },
    leader: 'short',
  }));
}

const STATUSES = { 401: 403, 403: 403, 404: 502, 429: 429, 500: 502, 503: 503 } as const;

export const ROWS: readonly FaultRow[] = [
  { name: 'refused', fault: REFUSED, ...noByte(502) },
  { name: 'reset', fault: storage({ kind: 'reset' }), ...noByte(502) },
  ...cuts('cut', 'fin'),
  ...cuts('reset', 'reset'),
  { name: 'silence', fault: storage({ kind: 'silent' }), timeouts: IMPATIENT, ...noByte(504) },
  {
    name: 'stall',
    fault: storage({ kind: 'endsAt', position: MIDDLE, how: 'stall' }),
    timeouts: IMPATIENT,
    seen: { cold: CUT_OFF, filling: CUT_OFF, partial: CUT_OFF },
    leader: 'short',
  },
  { name: 'slow', fault: storage({ kind: 'dripping', chunkBytes: 2048 }), ...ALL_WELL },
  // A length is the source's word until the blob is verified, and goes with the first answer that contradicts it.
  {
    name: 'length too long',
    fault: storage({ kind: 'otherLength', by: 1000 }),
    seen: { cold: 'short claim claim claim', filling: CUT_OFF, partial: 'short claim short short' },
    leader: 'short',
    after: { cold: 'short claim claim claim', partial: 'ok claim ok ok' },
    whole: { cold: 'ok 502 502 short', partial: 'ok 502 ok ok' },
  },
  {
    name: 'length too short',
    fault: storage({ kind: 'otherLength', by: -1000 }),
    seen: { cold: 'reset claim claim claim', filling: CUT_OFF, partial: 'short claim short short' },
    leader: 'short',
    after: { cold: 'ok claim claim claim', partial: 'ok claim ok ok' },
    whole: { cold: 'ok 502 502 short', partial: 'ok 502 ok ok' },
  },
  // A range can not be proved; whoever has the whole finds out, and from then on ranges wait for a whole that is right.
  {
    name: 'wrong byte in the middle',
    fault: storage({ kind: 'wrongByteAt', position: MIDDLE }),
    seen: {
      cold: 'reset ok claim claim',
      filling: 'reset ok claim/reset claim/reset',
      partial: 'reset ok claim claim',
    },
    leader: 'reset',
    after: { cold: 'ok ok claim claim', filling: 'ok ok 503 503', partial: 'ok ok claim claim' },
    whole: { cold: 'ok ok reset reset', partial: 'ok ok reset reset' },
  },
  {
    name: 'wrong last byte',
    fault: storage({ kind: 'wrongByteAt', position: BLOB_BYTES - 1 }),
    seen: {
      cold: 'reset ok ok claim',
      filling: 'reset ok ok/reset claim/reset',
      partial: 'reset ok ok claim',
    },
    leader: 'reset',
    after: { cold: 'ok ok ok claim', filling: 'ok ok 503 503', partial: 'ok ok ok claim' },
    whole: { cold: 'ok ok ok reset', partial: 'ok ok ok reset' },
  },
  ...(['shifted', 'noContentRange', 'badContentRange'] as const).map((how) => ({
    name: `wrong range: ${how}`,
    fault: storage({ kind: 'liesAboutRange', how }),
    ...noByte(502),
  })),
  {
    // One byte is long enough to be told the length.
    name: 'wrong range: tooShort',
    fault: storage({ kind: 'liesAboutRange', how: 'tooShort' }),
    seen: { cold: '502 ok 502 502', filling: CUT_OFF, partial: CUT_OFF },
    leader: 'short',
  },
  { name: 'ignores Range', fault: storage({ kind: 'ignoresRange' }), ...ALL_WELL },
  ...Object.entries(STATUSES).map(([status, answer]) => ({
    name: status === '403' ? '403 expired' : status,
    fault: storage({ kind: 'status', status: Number(status), headers: { 'retry-after': '7' } }),
    ...noByte(answer),
  })),
  { name: 'DNS loss', fault: DNS_LOSS, ...noByte(502) },
  { name: 'spool deleted', fault: SPOOL_DELETED, ...ALL_WELL },
];

export function tlsRow(fault: Strike): FaultRow {
  return { name: 'TLS failure', fault, ...noByte(502) };
}

/** A killed process takes its connections along; the system may end them either way. */
export const KILLED: Omit<FaultRow, 'fault'> = {
  name: 'process killed',
  seen: {
    cold: 'lost lost lost lost',
    filling: 'short/reset ok short/reset short/reset',
    partial: 'short/reset lost short/reset short/reset',
  },
  leader: 'short/reset',
};

/** Whoever has bytes already goes on from the source (K7); whoever comes then streams. */
export function diskFullRow(fault: Strike): FaultRow {
  return { name: 'disk full', fault, ...ALL_WELL };
}
