import type { ByteRange } from '../http/range.ts';

/** Consecutive ranges that one request to the source gets, with the gaps between them. */
export type Run = ByteRange & {
  /** How many of the ranges it covers. */
  readonly count: number;
};

/** Bytes. What a source sends in less time than another request takes to reach it. */
const NEAR = 64 * 1024;
/** Requests that one client's request may cost the source. */
const MAX_RUNS = 64;

/**
 * How to get ranges that do not overlap, in their order, out of a source that takes one range at a time. Near ranges go
 * together; where that still leaves more than 64 requests, so do those with the smallest gaps. Undefined where it can
 * not be done in 64: many ranges in no ascending order, which RFC 9110 section 14.2 lets a server ignore.
 */
export function planRuns(ranges: readonly ByteRange[]): Run[] | undefined {
  const gaps = ranges.slice(1).map((range, index) => range.firstPos - (ranges[index]?.lastPos ?? 0) - 1);
  const forward = gaps.filter((gap) => gap >= 0);
  const backward = gaps.length - forward.length;
  if (backward >= MAX_RUNS) return undefined;
  // As many of the widest gaps as there may be requests besides stay open.
  const widest = forward.toSorted((a, b) => b - a)[MAX_RUNS - 1 - backward] ?? 0;
  const near = Math.max(NEAR, widest);
  const runs: { firstPos: number; lastPos: number; count: number }[] = [];
  for (const [index, range] of ranges.entries()) {
    const run = runs.at(-1);
    const gap = gaps[index - 1] ?? -1;
    if (run === undefined || gap < 0 || gap > near) {
      runs.push({ ...range, count: 1 });
      continue;
    }
    run.lastPos = range.lastPos;
    run.count += 1;
  }
  return runs;
}
