import t from 'tap';
import { createUpstreamPauses } from '../../src/upstream/upstream-pauses.ts';

t.test('a pause ends with one question that finds out', async (t) => {
  let now = 0;
  const pauses = createUpstreamPauses(() => now);
  pauses.pause('ana', 3000);
  pauses.pause('ana', 1);
  t.equal(pauses.left('ana'), 60_000, 'a minute at most, and a shorter one changes nothing');
  t.notOk(pauses.mayAsk('ana'));
  t.ok(pauses.mayAsk('bob'));
  now = 60_000;
  t.ok(pauses.mayAsk('ana'));
  const answered = pauses.begin('ana');
  t.notOk(pauses.mayAsk('ana'), 'one is out');
  pauses.pause('ana', 10);
  answered();
  t.equal(pauses.left('ana'), 10_000, 'what it heard counts');
  now = 70_000;
  pauses.begin('ana')();
  t.ok(pauses.mayAsk('ana'), 'all is well');
  pauses.begin('ana');
  t.ok(pauses.mayAsk('ana'), 'and nothing is tried any more');
});

t.test('some questions are never held up', async (t) => {
  const pauses = createUpstreamPauses(() => 0);
  pauses.pause(undefined, 10);
  t.ok(pauses.mayAsk(undefined));
  pauses.begin(undefined)();
  pauses.pause('ana', 0);
  t.ok(pauses.mayAsk('ana'));
});
