import type { IncomingHttpHeaders } from 'node:http';
import { ifRangeMatches } from '../http/entity-tag.ts';
import { parseRange, type RangeSpec } from '../http/range.ts';

/** Of a Range field: what was made of it. */
export type RangeForm = 'int' | 'open' | 'suffix' | 'multiple' | 'ignored' | 'unsatisfiable';

/** What of a blob a request wants. `form`: undefined without a Range field. */
export type RequestedRanges = { readonly form: RangeForm | undefined } & (
  | { readonly kind: 'whole' }
  | { readonly kind: 'one'; readonly spec: RangeSpec }
  | { readonly kind: 'several'; readonly specs: readonly RangeSpec[] }
  /** 416, whatever the length. */
  | { readonly kind: 'unsatisfiable' }
);

/** Reads Range and If-Range (RFC 9110 §13.1.5, §14.2). */
export function requestedRanges(headers: IncomingHttpHeaders, tag: string): RequestedRanges {
  if (headers.range === undefined) return { kind: 'whole', form: undefined };
  const ifRange = headers['if-range'];
  const parsed = parseRange(headers.range);
  if (parsed.kind === 'ignore' || (typeof ifRange === 'string' && !ifRangeMatches(ifRange, tag))) {
    return { kind: 'whole', form: 'ignored' };
  }
  if (parsed.kind === 'unsatisfiable') return { kind: 'unsatisfiable', form: 'unsatisfiable' };
  const [only, second] = parsed.specs;
  if (only === undefined || second !== undefined) {
    return { kind: 'several', specs: parsed.specs, form: 'multiple' };
  }
  const form = only.kind === 'suffix' ? 'suffix' : only.lastPos === undefined ? 'open' : 'int';
  return { kind: 'one', spec: only, form };
}
