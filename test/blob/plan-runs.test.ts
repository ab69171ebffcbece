import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { planRuns } from '../../src/blob/plan-runs.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { holds } from '../support/property.ts';
import { rangeSpecs } from '../support/range-specs.ts';

const KIB = 1024;
const ranges = (...pairs: (readonly [number, number])[]) =>
  pairs.map(([firstPos, lastPos]) => ({ firstPos, lastPos }));

t.test('near ranges go together, far ones and those that go back do not', (t) => {
  t.strictSame(planRuns(ranges([0, 9], [10, 19], [20 + 64 * KIB, 100_000])), [
    { firstPos: 0, lastPos: 100_000, count: 3 },
  ]);
  t.strictSame(planRuns(ranges([0, 9], [10 + 64 * KIB + 1, 100_000])), [
    { firstPos: 0, lastPos: 9, count: 1 },
    { firstPos: 10 + 64 * KIB + 1, lastPos: 100_000, count: 1 },
  ]);
  t.strictSame(planRuns(ranges([50, 59], [0, 9], [20, 29])), [
    { firstPos: 50, lastPos: 59, count: 1 },
    { firstPos: 0, lastPos: 29, count: 2 },
  ]);
  t.end();
});

t.test('at most 64 requests: the smallest gaps go first, and too many ways back are not gone at all', (t) => {
  const far = Array.from({ length: 1024 }, (_, index) => {
    const firstPos = index * 1_000_000 + (index % 16 === 0 ? 0 : -((index % 16) * 10_000));
    return { firstPos, lastPos: firstPos + 9 };
  });
  const runs = planRuns(far) ?? [];
  t.equal(runs.length, 64);
  t.equal(
    runs.reduce((sum, run) => sum + run.count, 0),
    1024,
  );
  t.equal(planRuns(far.slice(0, 65).toReversed()), undefined);
  t.equal(planRuns(far.slice(0, 64).toReversed())?.length, 64);
  // Of 40 ways back and 80 wide gaps as many gaps stay open as there may be requests besides.
  const mixed = Array.from({ length: 40 }, (_, index) =>
    ranges(
      [1e9 - index * 1e7, 1e9 - index * 1e7],
      [1e9 - index * 1e7 + 100_000 + index, 1e9 - index * 1e7 + 200_000],
    ),
  ).flat();
  t.equal(planRuns(mixed)?.length, 64);
  t.end();
});

t.test('each range lies in its run', (t) => {
  holds(
    t,
    'any ranges, in any order',
    fc.property(
      rangeSpecs(500_000, 200).map((specs) => specs.filter(({ kind }) => kind === 'int')),
      (specs) => {
        const wanted = satisfiableRanges(specs, 500_000);
        const runs = planRuns(wanted);
        if (runs === undefined) return;
        assert.ok(runs.length <= 64);
        let from = 0;
        for (const run of runs) {
          const own = wanted.slice(from, from + run.count);
          from += run.count;
          assert.equal(own.at(0)?.firstPos, run.firstPos);
          assert.equal(own.at(-1)?.lastPos, run.lastPos);
          own.reduce((last, range) => {
            assert.ok(range.firstPos > last);
            return range.lastPos;
          }, -1);
        }
        assert.equal(from, wanted.length);
      },
    ),
  );
  t.end();
});
