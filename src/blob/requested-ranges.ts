import type { IncomingHttpHeaders } from 'node:http';
import { ifRangeMatches } from '../http/entity-tag.ts';
import { parseRange, type RangeSpec } from '../http/range.ts';
import type { Metrics } from '../metrics/metrics.ts';

/** What of a blob a request wants. */
export type RequestedRanges =
  | { readonly kind: 'whole' }
  | { readonly kind: 'one'; readonly spec: RangeSpec }
  | { readonly kind: 'several'; readonly specs: readonly RangeSpec[] }
  /** 416, whatever the length. */
  | { readonly kind: 'unsatisfiable' };

/** Reads Range and If-Range (RFC 9110 §13.1.5, §14.2), and counts by form. */
export function requestedRanges(
  headers: IncomingHttpHeaders,
  tag: string,
  counter: Metrics['rangeRequests'],
): RequestedRanges {
  if (headers.range === undefined) return { kind: 'whole' };
  const ifRange = headers['if-range'];
  const parsed = parseRange(headers.range);
  if (parsed.kind === 'ignore' || (typeof ifRange === 'string' && !ifRangeMatches(ifRange, tag))) {
    counter.inc({ type: 'ignored' });
    return { kind: 'whole' };
  }
  if (parsed.kind === 'unsatisfiable') return parsed;
  const [only, second] = parsed.specs;
  if (only === undefined || second !== undefined) {
    counter.inc({ type: 'multiple' });
    return { kind: 'several', specs: parsed.specs };
  }
  const type = only.kind === 'suffix' ? 'suffix' : only.lastPos === undefined ? 'open' : 'int';
  counter.inc({ type });
  return { kind: 'one', spec: only };
}
