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

t.test('a refusal with a long document takes the place of as many others as it is long', async (t) => {
  const { kept } = open(10);
  const long: Verdict<string> = { kind: 'refused', status: 404, value: 'no', bytes: 8 * 1024 };
  for (const name of ['a', 'b']) kept.keep(name, YES, kept.nextPosition(), 1_000);
  kept.keep('long', long, kept.nextPosition(), 1_000);
  t.equal(kept.find('a', 'of'), undefined);
  t.equal(kept.find('b', 'of'), YES);
  t.equal(kept.find('long', 'of'), long);
  kept.keep('too long', { ...long, bytes: 10 * 1024 }, kept.nextPosition(), 1_000);
  t.equal(kept.find('too long', 'of'), undefined);
  t.equal(kept.find('long', 'of'), long, 'nothing had to go for it');
});

t.test('verdicts that nobody asks for again are not held beyond their time', async (t) => {
  const { clock, kept } = open(20_000);
  for (let token = 0; token < 5_000; token += 1) {
    clock.steady += 100;
    kept.keep(`pull with token ${token}`, YES, kept.nextPosition(), 6_000);
  }
  t.equal(kept.size, 60);
});
