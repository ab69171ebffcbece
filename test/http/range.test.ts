import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import {
  type ContentRange,
  formatContentRange,
  formatRange,
  parseContentRange,
  parseRange,
  type RangeSpec,
  resolveRange,
} from '../../src/http/range.ts';
import { holds, stringOf } from '../support/property.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const int = (firstPos: number, lastPos?: number): RangeSpec => ({ kind: 'int', firstPos, lastPos });
const suffix = (suffixLength: number): RangeSpec => ({ kind: 'suffix', suffixLength });
const position = fc.integer({ min: 0, max: MAX });

await tap.test('range-sets', (t) => {
  const rows: readonly (readonly [string, readonly RangeSpec[]])[] = [
    ['bytes=0-0', [int(0, 0)]],
    ['bytes=500-1499', [int(500, 1499)]],
    ['bytes=500-', [int(500)]],
    ['bytes=-500', [suffix(500)]],
    ['bytes=-0', [suffix(0)]],
    ['BYTES=1-2', [int(1, 2)]],
    ['bytes=007-0010', [int(7, 10)]],
    ['bytes=0-1,5-,-3', [int(0, 1), int(5), suffix(3)]],
    ['bytes= \t0-1 \t, \t5-6 ', [int(0, 1), int(5, 6)]],
    ['bytes=,,0-1,,', [int(0, 1)]],
    ['bytes=0-99999999999999999999999', [int(0, MAX)]],
    ['bytes=9007199254740992-', [int(MAX)]],
    ['bytes=-9007199254740993', [suffix(MAX)]],
    // A member that ends before it begins can not be served; the others can.
    ['bytes=0-1,500-0', [int(0, 1)]],
  ];
  for (const [value, specs] of rows) t.strictSame(parseRange(value), { kind: 'ranges', specs }, value);
  t.end();
});

await tap.test('every member ends before it begins', (t) => {
  for (const value of ['bytes=500-0', 'bytes=1-0', 'bytes=5-4,9-8']) {
    t.strictSame(parseRange(value), { kind: 'unsatisfiable' }, value);
  }
  t.end();
});

await tap.test('what is not a range-set of bytes is ignored', (t) => {
  const rows = [
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=--1',
    'bytes=a-b',
    'bytes=1',
    'bytes=1-2-3',
    'bytes=+1-2',
    'bytes=-1-2',
    'bytes=0x1-2',
    'bytes=1.0-2',
    'bytes=1e1-20',
    'bytes=1 -2',
    'bytes =1-2',
    ' bytes=1-2',
    'byte=1-2',
    'seconds=1-2',
    'bytes=1-2;3-4',
    'bytes=1-2\n',
    'bytes=\u00a01-2',
    'bytes=١-٢',
    'bytes=0-1,x',
  ];
  for (const value of rows) t.strictSame(parseRange(value), { kind: 'ignore' }, JSON.stringify(value));
  t.end();
});

const members = (count: number) => `bytes=${Array.from({ length: count }, (_, i) => `${i}-${i}`).join(',')}`;

await tap.test('limits', (t) => {
  const most = parseRange(members(1024));
  t.equal(most.kind === 'ranges' && most.specs.length, 1024);
  t.strictSame(parseRange(members(1025)), { kind: 'ignore' });
  t.equal(parseRange(`bytes=0-${'0'.repeat(32_700)}`).kind, 'ranges');
  t.strictSame(parseRange(`bytes=0-${'0'.repeat(32_768)}`), { kind: 'ignore' });
  t.strictSame(parseRange(`bytes=${','.repeat(1_000_000)}0-1`), { kind: 'ignore' });
  t.end();
});

await tap.test('what a member selects', (t) => {
  const rows: readonly (readonly [RangeSpec, number, readonly [number, number] | undefined])[] = [
    [int(0, 0), 1, [0, 0]],
    [int(0, 9), 10, [0, 9]],
    [int(0, 10), 10, [0, 9]],
    [int(2000, 5000), 2048, [2000, 2047]],
    [int(9), 10, [9, 9]],
    [int(10), 10, undefined],
    [int(5000, 10_000), 2048, undefined],
    [int(MAX), MAX, undefined],
    [int(0, MAX), MAX, [0, MAX - 1]],
    [suffix(1), 10, [9, 9]],
    [suffix(10), 10, [0, 9]],
    [suffix(11), 10, [0, 9]],
    [suffix(0), 10, undefined],
    [suffix(5), 0, undefined],
    [int(0), 0, undefined],
    [int(0, 0), 0, undefined],
  ];
  for (const [spec, length, expected] of rows) {
    const label = `${JSON.stringify(spec)} of ${length}`;
    const range = expected === undefined ? undefined : { firstPos: expected[0], lastPos: expected[1] };
    t.strictSame(resolveRange(spec, length), range, label);
  }
  t.end();
});

await tap.test('properties', (t) => {
  const anySpec = fc.oneof(
    fc
      .tuple(position, fc.option(position, { nil: undefined }))
      .filter(([first, last]) => last === undefined || last >= first)
      .map(([first, last]) => int(first, last)),
    position.map(suffix),
  );
  holds(
    t,
    'resolved ranges lie inside the content',
    fc.property(anySpec, position, (spec, length) => {
      const range = resolveRange(spec, length);
      return (
        range === undefined ||
        (range.firstPos >= 0 && range.firstPos <= range.lastPos && range.lastPos < length)
      );
    }),
  );
  holds(
    t,
    'parseRange is the inverse of formatRange',
    fc.property(position, fc.option(position, { nil: undefined }), (a, b) => {
      const firstPos = b === undefined ? a : Math.min(a, b);
      const lastPos = b === undefined ? undefined : Math.max(a, b);
      const parsed = parseRange(formatRange({ firstPos, lastPos }));
      assert.deepEqual(parsed, { kind: 'ranges', specs: [int(firstPos, lastPos)] });
    }),
  );
  const below = fc.integer({ min: 0, max: MAX - 1 });
  const contentRange: fc.Arbitrary<ContentRange> = fc.oneof(
    fc
      .tuple(below, below, fc.option(position, { nil: undefined }))
      .map(([a, b, c]) => ({ kind: 'range' as const, ...ordered(a, b, c) })),
    position.map((completeLength) => ({ kind: 'unsatisfied' as const, completeLength })),
  );
  holds(
    t,
    'parseContentRange is the inverse of formatContentRange',
    fc.property(contentRange, (range) => {
      assert.deepEqual(parseContentRange(formatContentRange(range)), range);
    }),
  );
  const rangeLike = stringOf('bytes=0123456789-, \t*/');
  const anyText = fc.oneof(
    fc.string({ unit: 'binary' }),
    rangeLike,
    rangeLike.map((text) => `bytes=${text}`),
    rangeLike.map((text) => `bytes ${text}`),
  );
  holds(
    t,
    'no text makes the parsers throw',
    fc.property(anyText, (value) => {
      assert.match(parseRange(value).kind, /^(?:ranges|ignore|unsatisfiable)$/);
      const range = parseContentRange(value);
      if (range !== undefined) assert.deepEqual(parseContentRange(formatContentRange(range)), range);
    }),
  );
  t.equal(formatRange({ firstPos: 3 }), 'bytes=3-');
  t.end();
});

function ordered(a: number, b: number, length: number | undefined) {
  const lastPos = Math.max(a, b);
  return {
    firstPos: Math.min(a, b),
    lastPos,
    completeLength: length === undefined ? undefined : Math.max(length, lastPos + 1),
  };
}

await tap.test('Content-Range', (t) => {
  t.strictSame(parseContentRange('Bytes 0-0/*'), {
    kind: 'range',
    firstPos: 0,
    lastPos: 0,
    completeLength: undefined,
  });
  t.strictSame(parseContentRange('bytes */0'), { kind: 'unsatisfied', completeLength: 0 });
  const refused = [
    '',
    'bytes',
    'bytes */*',
    'bytes 0-0',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-0/0',
    'bytes=0-0/1',
    'bytes  0-0/1',
    'bytes -1/10',
    'bytes 0-/10',
    'bytes 0-1/1x',
    'bytes 0-1/10 ',
    'pages 0-1/10',
    'bytes 0-9007199254740992/*',
    'bytes 0-1/9007199254740992',
    'bytes */9007199254740992',
    'bytes 0-1/99999999999999999999',
  ];
  for (const value of refused) t.equal(parseContentRange(value), undefined, JSON.stringify(value));
  t.end();
});
