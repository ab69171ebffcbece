import t from 'tap';
import { explore } from '../fill/model/explore.ts';
import { createOwnerModel, OWNER_RULES, type Trouble } from './owner-model.ts';

const MAX_STATES = 200_000;
const NONE: Trouble = { pauses: 0, deaths: 0, losses: 0 };

/** All at once would be millions. */
for (const [name, lies, pieces, trouble] of [
  ['one pauses, one dies, the state loses all', [false, false], 1, { pauses: 1, deaths: 1, losses: 1 }],
  ['the same, one upstream lies', [true, false], 1, { pauses: 1, deaths: 1, losses: 1 }],
  ['two pieces, one pauses', [false, false], 2, { ...NONE, pauses: 1 }],
  ['two pieces, one pauses, one upstream lies', [true, false], 2, { ...NONE, pauses: 1 }],
  ['three replicas, one dies, one upstream lies', [true, false, false], 1, { ...NONE, deaths: 1 }],
] as const) {
  t.test(`${name}: nothing wrong in the store, no lease taken away, everybody ends or fails`, (t) => {
    const found = explore(createOwnerModel(OWNER_RULES, lies, pieces, trouble), MAX_STATES);
    t.strictSame(found.violations.slice(0, 3), []);
    t.ok(found.states > 1000, `${found.states} states, ${found.steps} steps`);
    t.end();
  });
}

for (const [name, change, trouble, what] of [
  [
    'who lets go lets go of any lease',
    { releasesOwn: false },
    { ...NONE, pauses: 1 },
    'the lease of one who was always there was taken away',
  ],
  ['nothing is verified', { verifies: false }, NONE, 'a wrong blob is in the store'],
  [
    'no lease ends, and nobody loses patience',
    { expires: false, stalls: false },
    { ...NONE, deaths: 1 },
    'nothing can happen any more',
  ],
] as const) {
  t.test(`the model notices where ${name}`, (t) => {
    const { violations } = explore(
      createOwnerModel({ ...OWNER_RULES, ...change }, [true, false], 1, trouble),
      MAX_STATES,
    );
    t.ok(
      violations.some((violation) => violation.what === what),
      violations[0]?.events.join(', ') ?? 'none',
    );
    t.end();
  });
}
