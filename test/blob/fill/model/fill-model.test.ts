import t from 'tap';
import { explore } from './explore.ts';
import { createFillModel, RULES } from './fill-model.ts';

const MAX_STATES = 500_000;

for (const [name, lies] of [
  ['honest sources', [false, false]],
  ['one source lies', [true, false]],
  ['both lie', [true, true]],
] as const) {
  t.test(`${name}: no wrong whole, one owner, every reader ends or fails`, (t) => {
    const found = explore(createFillModel(RULES, lies, 1), MAX_STATES);
    t.strictSame(found.violations.slice(0, 3), []);
    t.ok(found.states > 1000, `${found.states} states, ${found.steps} steps`);
    t.comment(`${found.states} states, ${found.steps} steps`);
    t.end();
  });
}

for (const [rule, what] of [
  ['holdsBack', 'a wrong whole was delivered'],
  ['waitsForEnding', 'two owners of one spool'],
  ['wakes', 'no end can be reached'],
] as const) {
  t.test(`the model notices where the rule ${rule} is left out`, (t) => {
    const { violations } = explore(
      createFillModel({ ...RULES, [rule]: false }, [true, false], 1),
      MAX_STATES,
    );
    t.ok(
      violations.some((violation) => violation.what === what),
      violations[0]?.events.join(', ') ?? 'none',
    );
    t.end();
  });
}
