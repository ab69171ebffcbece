import * as fc from 'fast-check';
import t from 'tap';
import { TARGETS } from './targets.ts';

/** Cases per target here; `npm run fuzz` tries 100,000. */
const CASES = 3000;

for (const { name, property } of TARGETS) {
  t.test(`${name}: no throw, no hang, nothing accepted that should not be`, (t) => {
    const result = fc.check(property, { numRuns: CASES });
    t.notOk(result.failed, result.failed ? fc.defaultReportMessage(result) : `${result.numRuns} cases`);
    t.equal(result.interrupted, false);
    t.end();
  });
}
