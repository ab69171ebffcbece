import { type ByteRange, type RangeSpec, resolveRange } from './range.ts';

/**
 * What a range-set selects out of `completeLength` bytes: in the order asked for, without what can not be satisfied, and
 * with ranges that overlap made one, at the place of the first of them (RFC 9110 sections 14.2, 15.3.7.2). So no byte is
 * sent twice, whatever was asked for.
 *
 * Ranges that merely touch stay apart, although they may be joined: containers/image takes an answer with fewer parts
 * than it asked for as broken, and its zstd:chunked files often lie end to end.
 */
export function satisfiableRanges(specs: readonly RangeSpec[], completeLength: number): ByteRange[] {
  const resolved: (ByteRange & { readonly order: number })[] = [];
  for (const [order, spec] of specs.entries()) {
    const range = resolveRange(spec, completeLength);
    if (range !== undefined) resolved.push({ ...range, order });
  }
  resolved.sort((a, b) => a.firstPos - b.firstPos || a.order - b.order);
  const joined: { firstPos: number; lastPos: number; order: number }[] = [];
  for (const range of resolved) {
    const last = joined.at(-1);
    if (last === undefined || range.firstPos > last.lastPos) {
      joined.push({ ...range });
      continue;
    }
    last.lastPos = Math.max(last.lastPos, range.lastPos);
    last.order = Math.min(last.order, range.order);
  }
  return joined.toSorted((a, b) => a.order - b.order).map(({ firstPos, lastPos }) => ({ firstPos, lastPos }));
}
