import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { parseRange, type RangeSpec, resolveRange } from '../../src/http/range.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { holds } from '../support/property.ts';
import { rangeSpecs } from '../support/range-specs.ts';

function read(value: string, completeLength: number): string {
  const parsed = parseRange(value);
  const specs: readonly RangeSpec[] = parsed.kind === 'ranges' ? parsed.specs : [];
  return satisfiableRanges(specs, completeLength)
    .map(({ firstPos, lastPos }) => `${firstPos}-${lastPos}`)
    .join(',');
}

t.test('range-sets over 100 bytes', (t) => {
  const rows = [
    { asked: '0-1,5-9', left: '0-1,5-9', why: 'apart' },
    { asked: '5-9,0-1', left: '5-9,0-1', why: 'the order asked for' },
    { asked: '0-9,10-19', left: '0-9,10-19', why: 'touching ranges stay apart' },
    { asked: '0-9,9-19', left: '0-19', why: 'one byte in common' },
    { asked: '50-60,0-1,55-70', left: '50-70,0-1', why: 'joined at the place of the first' },
    { asked: '55-70,0-1,50-60', left: '50-70,0-1', why: 'the same, the later one asked for first' },
    { asked: '0-,0-5,7-9', left: '0-99', why: 'one inside another' },
    { asked: '0-1,100-200,-0', left: '0-1', why: 'what there is not is left out' },
    { asked: '100-,-0', left: '', why: 'nothing left' },
    { asked: '98-500,-200', left: '0-99', why: 'cut to the length' },
    { asked: '0-0,0-0,0-0', left: '0-0', why: 'the same again' },
  ];
  for (const { asked, left, why } of rows) t.equal(read(`bytes=${asked}`, 100), left, why);
  t.equal(read('bytes=0-1,-1', 0), '', 'an empty blob has none');
  t.end();
});

t.test('no byte twice, none more and none less than was asked for', (t) => {
  holds(
    t,
    'any set of ranges',
    fc.property(rangeSpecs(60), fc.integer({ min: 0, max: 60 }), (specs, length) => {
      const wanted = new Set<number>();
      for (const spec of specs) {
        const range = resolveRange(spec, length);
        for (let at = range?.firstPos ?? 0; at <= (range?.lastPos ?? -1); at += 1) wanted.add(at);
      }
      const got: number[] = [];
      for (const { firstPos, lastPos } of satisfiableRanges(specs, length)) {
        assert.ok(firstPos <= lastPos);
        for (let at = firstPos; at <= lastPos; at += 1) got.push(at);
      }
      assert.equal(new Set(got).size, got.length);
      assert.deepEqual(
        got.toSorted((a, b) => a - b),
        [...wanted].toSorted((a, b) => a - b),
      );
    }),
  );
  t.end();
});
