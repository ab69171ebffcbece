import t from 'tap';
import { createDecisionNames } from '../../src/login-server/decision-names.ts';
import type { Question, Verdict } from '../../src/login-server/question.ts';
import { createStandIns } from '../../src/login-server/stand-ins.ts';

const ALLOWED: Verdict<string> = { kind: 'allowed', value: 'content' };

/** Somebody who asks for the same as everybody, and what was said to both. */
function open() {
  const clock = { steady: 5_000 };
  const names = createDecisionNames();
  const deps = { names, now: () => clock.steady + 1_000_000, steady: () => clock.steady };
  const standIns = createStandIns<string>(10, deps);
  const never = () => Promise.reject(new Error('nobody is asked'));
  const question: Question<string> = {
    registry: 'contoso',
    repository: 'team/app',
    subject: 'blob sha256:aa',
    authorization: 'Bearer one',
    ttlSeconds: 60,
    readOnly: true,
    probe: never,
    ask: never,
    stale: { seconds: 300, usable: () => true },
  };
  const name = names.subject(question, true);
  let position = 0;
  return {
    clock,
    say: (audience: 'caller' | 'public', verdict: Verdict<string>) => {
      position += 1;
      const authorization = audience === 'caller' ? question.authorization : undefined;
      const to = { name: (audience === 'caller' ? name.own : name.open) ?? '', audience, authorization };
      standIns.answered(question, to, verdict, { position, at: clock.steady });
    },
    find: (forgottenAt = 0, changed: Partial<Question<string>> = {}) =>
      standIns.find({ ...question, ...changed }, name, forgottenAt),
    findAgain: () => standIns.findAgain(question, name, 0),
  };
}

t.test('what was allowed stands in for as long as it may, with its age', async (t) => {
  const { clock, say, find } = open();
  t.equal(find(), undefined);
  say('caller', ALLOWED);
  clock.steady += 299_999;
  t.strictSame(find(), { kind: 'allowed', value: 'content', staleSince: 1_005_000 });
  t.equal(find(1), undefined, 'it was asked for before a write');
  t.equal(find(0, { stale: { seconds: 300, usable: () => false } }), undefined, 'it is of no use');
  t.equal(find(0, { stale: undefined }), undefined, 'nothing may stand in');
  clock.steady += 1;
  t.equal(find(), undefined);
});

t.test('what everybody may have stands in, but for whom it was refused to', async (t) => {
  const { say, find } = open();
  say('public', ALLOWED);
  t.match(find(), { kind: 'allowed' });
  say('caller', { kind: 'refused', status: 503, value: '' });
  t.match(find(), { kind: 'allowed' }, 'an outage is no refusal');
  say('caller', { kind: 'refused', status: 403, value: '' });
  t.equal(find(), undefined);
  say('public', ALLOWED);
  t.match(find(), { kind: 'allowed' }, 'said after it');
});

t.test('the upstream is left alone for five seconds, and only where something stood in', async (t) => {
  const { clock, say, find, findAgain } = open();
  t.equal(find(), undefined);
  say('caller', ALLOWED);
  t.equal(findAgain(), undefined);
  find();
  clock.steady += 4_999;
  t.match(findAgain(), { kind: 'allowed' });
  clock.steady += 1;
  t.equal(findAgain(), undefined);
});
