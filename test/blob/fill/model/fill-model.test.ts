import t from 'tap';
import { explore } from './explore.ts';
import { createFillModel } from './fill-model.ts';
import { RULES, SMALL } from './fill-state.ts';

const MAX_STATES = 500_000;

/** All at once would be millions. */
const SIZES = [
  ['a renewal', { ...SMALL, renewals: 1, hedges: 0, nearlyDone: 1 }],
  ['a hedge', { ...SMALL, renewals: 0, hedges: 1 }],
] as const;

for (const [name, lies] of [
  ['honest sources', [false, false]],
  ['one source lies', [true, false]],
  ['both lie', [true, true]],
] as const) {
  for (const [more, size] of SIZES) {
    t.test(`${name}, ${more}: no wrong whole, one owner, every reader ends or fails`, (t) => {
      const found = explore(createFillModel(RULES, { ...size, lies }), MAX_STATES);
      t.strictSame(found.violations.slice(0, 3), []);
      t.ok(found.states > 1000, `${found.states} states, ${found.steps} steps`);
      t.comment(`${found.states} states, ${found.steps} steps`);
      t.end();
    });
  }
}

for (const [rule, what] of [
  ['holdsBack', 'a wrong whole was delivered'],
  ['waitsForEnding', 'two owners of one spool'],
  ['wakes', 'no end can be reached'],
] as const) {
  t.test(`the model notices where the rule ${rule} is left out`, (t) => {
    const size = { ...SMALL, renewals: 0, hedges: 0, lies: [true, false] };
    const { violations } = explore(createFillModel({ ...RULES, [rule]: false }, size), MAX_STATES);
    t.ok(
      violations.some((violation) => violation.what === what),
      violations[0]?.events.join(', ') ?? 'none',
    );
    t.end();
  });
}
