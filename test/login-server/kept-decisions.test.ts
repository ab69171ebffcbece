import t from 'tap';
import { createKeptDecisions } from '../../src/login-server/kept-decisions.ts';
import type { Verdict } from '../../src/login-server/question.ts';

const YES: Verdict<string> = { kind: 'allowed', value: 'yes' };

function open(max = 10) {
  const clock = { steady: 5_000 };
  const kept = createKeptDecisions<string>(max, () => clock.steady);
  return { clock, kept };
}

t.test('a verdict is found for its time', async (t) => {
  const { clock, kept } = open();
  kept.keep('name', YES, kept.nextPosition(), 1_000);
  clock.steady += 999;
  t.equal(kept.find('name', 'of'), YES);
  t.equal(kept.find('other', 'of'), undefined);
  clock.steady += 1;
  t.equal(kept.find('name', 'of'), undefined);
  kept.keep('name', YES, kept.nextPosition(), 0);
  t.equal(kept.find('name', 'of'), undefined, 'no time at all');
});

t.test('a write ends what was asked for before it, also what is answered later', async (t) => {
  const { kept } = open();
  const before = kept.nextPosition();
  kept.keep('known', YES, before, 1_000);
  kept.forget('of');
  t.equal(kept.find('known', 'of'), undefined);
  kept.keep('late', YES, before, 1_000);
  t.equal(kept.find('late', 'of'), undefined);
  kept.keep('other', YES, before, 1_000);
  t.equal(kept.find('other', 'elsewhere'), YES, 'of another repository');
  kept.keep('asked after', YES, kept.nextPosition(), 1_000);
  t.equal(kept.find('asked after', 'of'), YES);
});

t.test('a write that there was no room to remember counts for every repository', async (t) => {
  const { kept } = open(2);
  const before = kept.nextPosition();
  for (const each of ['a', 'b', 'c']) kept.forget(each);
  const after = kept.nextPosition();
  for (const each of ['a', 'b', 'c', 'd']) {
    kept.keep('name', YES, before, 1_000);
    t.equal(kept.find('name', each), undefined, each);
    kept.keep('name', YES, after, 1_000);
    t.equal(kept.find('name', each), YES, each);
  }
});
