import type { TestResponse } from '../../support/http-client.ts';
import { digestOf, pseudoRandomBytes } from '../../support/image.ts';
import { parseMultipart } from '../../support/parse-multipart.ts';

export const BLOB_BYTES = 600_000;
export const PIECE_BYTES = 64 * 1024;
/** Pieces that a partial has, and that a fill has before the fault strikes. */
export const HELD_FROM = 2 * PIECE_BYTES;

export const METHODS = ['GET', 'HEAD', 'range', 'multi-range'] as const;
export const STATES = ['cold', 'filling', 'partial', 'warm'] as const;

export type CellMethod = (typeof METHODS)[number];
export type CellState = (typeof STATES)[number];

/** One request for one blob of its own, which is in one state when the fault strikes. */
export type Cell = {
  readonly method: CellMethod;
  readonly state: CellState;
  readonly blob: Buffer;
  readonly digest: string;
};

/**
 * What the client saw. `ok`: all of what it asked for, and right. `short`: a right beginning, then FIN. `reset`: less than all, then RST.
 * `lost`: no answer. `claim`: complete, by the word of the source alone, which is wrong; never of a whole blob. A number:
 * the status of an error.
 */
export type Seen = string;

const RANGE = { from: 100_000, to: 400_000 };
/** Ends exclusive; the first is in what is there, and each gets a request of its own. */
const SEVERAL = [
  { from: 1000, to: 2000 },
  { from: 250_000, to: 350_000 },
  { from: 599_000, to: 600_000 },
] as const;

export function createCells(): readonly Cell[] {
  return STATES.flatMap((state) =>
    METHODS.map((method) => {
      const blob = pseudoRandomBytes(`matrix ${state} ${method}`, BLOB_BYTES);
      return { method, state, blob, digest: digestOf(blob) };
    }),
  );
}

export function requestOf(method: CellMethod): { method: string; headers: Record<string, string> } {
  const ranges = method === 'range' ? [RANGE] : method === 'multi-range' ? SEVERAL : [];
  const range = ranges.map(({ from, to }) => `${from}-${to - 1}`).join(',');
  return {
    method: method === 'HEAD' ? 'HEAD' : 'GET',
    headers: range === '' ? {} : { range: `bytes=${range}` },
  };
}

/** `answer` undefined: the connection ended without one. */
export function judge(method: CellMethod, blob: Buffer, answer: TestResponse | undefined): Seen {
  if (answer === undefined) return 'lost';
  const { status, ended, headers, body } = answer;
  if (status >= 400) return ended === 'complete' ? String(status) : `${status} ${ended}`;
  const wanted = method === 'range' || method === 'multi-range' ? 206 : 200;
  if (status !== wanted) return `${status}?`;
  if (method === 'HEAD') return headers['content-length'] === String(blob.length) ? 'ok' : 'claim';
  if (ended === 'reset')
    return headers['content-length'] === String(body.length) ? 'RESET AT THE END' : 'reset';
  if (ended === 'short') return isRightBeginning(method, blob, answer) ? 'short' : 'WRONG BEGINNING';
  if (isComplete(method, blob, answer)) return 'ok';
  return method === 'GET' ? 'WRONG WHOLE' : 'claim';
}

function isComplete(method: CellMethod, blob: Buffer, { headers, body }: TestResponse): boolean {
  if (method === 'GET') return body.equals(blob);
  if (method === 'range') {
    const field = `bytes ${RANGE.from}-${RANGE.to - 1}/${blob.length}`;
    return headers['content-range'] === field && body.equals(blob.subarray(RANGE.from, RANGE.to));
  }
  const parts = parseMultipart(headers['content-type'] ?? '', body);
  return (
    parts.length === SEVERAL.length &&
    SEVERAL.every(({ from, to }, index) => {
      const part = parts[index];
      const field = `bytes ${from}-${to - 1}/${blob.length}`;
      return part?.headers['content-range'] === field && part.body.equals(blob.subarray(from, to));
    })
  );
}

function isRightBeginning(method: CellMethod, blob: Buffer, { headers, body }: TestResponse): boolean {
  if (method === 'GET') return body.length < blob.length && blob.subarray(0, body.length).equals(body);
  if (method === 'range') {
    const right = blob.subarray(RANGE.from, RANGE.from + body.length);
    return body.length < RANGE.to - RANGE.from && right.equals(body);
  }
  const boundary = /boundary=(\S+)$/.exec(headers['content-type'] ?? '')?.[1] ?? '?';
  // What is there, between what stands before each part; the last head may be cut.
  const text = body.toString('latin1');
  return text
    .split(`--${boundary}`)
    .slice(1)
    .map((part) => part.split('\r\n\r\n').slice(1).join('\r\n\r\n'))
    .every((part, index, all) => {
      const { from = 0, to = 0 } = SEVERAL[index] ?? {};
      const bytes = Buffer.from(index < all.length - 1 ? part.replace(/\r\n$/, '') : part, 'latin1');
      const rest = index < all.length - 1 ? to - from : bytes.length;
      return bytes.length <= rest + 2 && blob.subarray(from, from + rest).equals(bytes.subarray(0, rest));
    });
}
