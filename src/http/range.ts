/**
 * Byte ranges, RFC 9110 section 14. Positions are in bytes, inclusive, and never above 2^53-1.
 */

/** One member of a range-set: `a-b`, `a-` (no lastPos) or `-n`. */
export type RangeSpec =
  | { readonly kind: 'int'; readonly firstPos: number; readonly lastPos: number | undefined }
  | { readonly kind: 'suffix'; readonly suffixLength: number };

export type RangeRequest =
  | { readonly kind: 'ranges'; readonly specs: readonly RangeSpec[] }
  /** The field is to be treated as absent: another unit, bad syntax, or over the limits below. */
  | { readonly kind: 'ignore' }
  /** Every member ends before it begins (`500-0`): 416, whatever the length. */
  | { readonly kind: 'unsatisfiable' };

/** Both positions are set and inside the content. */
export type ByteRange = { readonly firstPos: number; readonly lastPos: number };

export type ContentRange =
  | {
      readonly kind: 'range';
      readonly firstPos: number;
      readonly lastPos: number;
      /** Undefined where the sender wrote `*`. */
      readonly completeLength: number | undefined;
    }
  | { readonly kind: 'unsatisfied'; readonly completeLength: number };

// zstd:chunked clients ask for up to 1024 ranges at once (containers/storage), and read the whole where fewer are taken;
// RFC 9110 section 14.2 lets a server ignore range-sets that cost more than they bring.
const MAX_SPECS = 1024;
// Characters. 1024 members of a blob below 100 GB come to 25 KiB.
const MAX_LENGTH = 32 * 1024;
const SPEC = /^(\d*)-(\d*)$/;

/**
 * The value of a Range field. Never throws. Positions above 2^53-1 count as 2^53-1, which no content reaches.
 *
 * A member that ends before it begins is taken as unsatisfiable and not, as RFC 9110 section 14.1.1 would allow,
 * as a reason to ignore the field: the distribution-spec's conformance tests want 416 for `500-0`. Beside other
 * members it is left out.
 */
export function parseRange(value: string): RangeRequest {
  if (value.length > MAX_LENGTH) return { kind: 'ignore' };
  const equals = value.indexOf('=');
  // Range units are case-insensitive (RFC 9110 section 14.1).
  if (equals < 0 || value.slice(0, equals).toLowerCase() !== 'bytes') return { kind: 'ignore' };
  const members = value.slice(equals + 1).split(',');
  const specs: RangeSpec[] = [];
  let count = 0;
  for (const member of members) {
    const text = trimOws(member);
    // Empty list elements are to be skipped (RFC 9110 section 5.6.1).
    if (text === '') continue;
    count += 1;
    if (count > MAX_SPECS) return { kind: 'ignore' };
    const match = SPEC.exec(text);
    if (match === null || text === '-') return { kind: 'ignore' };
    const first = match[1] ?? '';
    const last = match[2] ?? '';
    if (first === '') {
      specs.push({ kind: 'suffix', suffixLength: saturate(last) });
      continue;
    }
    const firstPos = saturate(first);
    const lastPos = last === '' ? undefined : saturate(last);
    if (lastPos === undefined || lastPos >= firstPos) specs.push({ kind: 'int', firstPos, lastPos });
  }
  if (count === 0) return { kind: 'ignore' };
  return specs.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'ranges', specs };
}

/** The bytes that one member selects out of `completeLength`; undefined where it selects none. */
export function resolveRange(spec: RangeSpec, completeLength: number): ByteRange | undefined {
  if (completeLength <= 0) return undefined;
  if (spec.kind === 'suffix') {
    if (spec.suffixLength === 0) return undefined;
    return { firstPos: Math.max(0, completeLength - spec.suffixLength), lastPos: completeLength - 1 };
  }
  if (spec.firstPos >= completeLength) return undefined;
  return {
    firstPos: spec.firstPos,
    lastPos: Math.min(spec.lastPos ?? completeLength - 1, completeLength - 1),
  };
}

/** The value of a Range field with one absolute member: `bytes=a-b`, or `bytes=a-` without lastPos. */
export function formatRange(range: {
  readonly firstPos: number;
  readonly lastPos?: number | undefined;
}): string {
  return `bytes=${range.firstPos}-${range.lastPos ?? ''}`;
}

const CONTENT_RANGE = /^bytes (?:(\d{1,16})-(\d{1,16})|\*)\/(\d{1,16}|\*)$/i;

/**
 * The value of a Content-Range field (RFC 9110 section 14.4). Undefined: another unit, bad syntax, a last position before
 * the first or outside the complete length, or a number above 2^53-1.
 */
export function parseContentRange(value: string): ContentRange | undefined {
  const match = CONTENT_RANGE.exec(value);
  if (match === null) return undefined;
  const completeLength = match[3] === '*' ? undefined : Number(match[3]);
  if (completeLength !== undefined && !Number.isSafeInteger(completeLength)) return undefined;
  if (match[1] === undefined) {
    return completeLength === undefined ? undefined : { kind: 'unsatisfied', completeLength };
  }
  const firstPos = Number(match[1]);
  const lastPos = Number(match[2]);
  if (!Number.isSafeInteger(lastPos) || lastPos < firstPos) return undefined;
  if (completeLength !== undefined && lastPos >= completeLength) return undefined;
  return { kind: 'range', firstPos, lastPos, completeLength };
}

/** Inverse of `parseContentRange`. */
export function formatContentRange(range: ContentRange): string {
  if (range.kind === 'unsatisfied') return `bytes */${range.completeLength}`;
  return `bytes ${range.firstPos}-${range.lastPos}/${range.completeLength ?? '*'}`;
}

function saturate(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** Optional whitespace of RFC 9110 section 5.6.3 is space and tab alone; `trim()` would take more. */
function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isOws(text, start)) start += 1;
  while (end > start && isOws(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

function isOws(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}
