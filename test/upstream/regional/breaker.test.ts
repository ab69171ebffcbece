import t from 'tap';
import { type Breaker, createBreaker } from '../../../src/upstream/regional/breaker.ts';

function open(): { breaker: Breaker; pass: (ms: number) => void; states: string[] } {
  let now = 1_000_000;
  const states: string[] = [];
  const breaker = createBreaker({
    now: () => now,
    holdMs: 5_000,
    onState: ({ state, reason }) => states.push(reason === undefined ? state : `${state} ${reason}`),
  });
  return { breaker, pass: (ms) => (now += ms), states };
}

function fail(breaker: Breaker, times: number): void {
  for (let time = 0; time < times; time += 1) breaker.failed('cut');
}

function succeed(breaker: Breaker, times: number): void {
  for (let time = 0; time < times; time += 1) breaker.succeeded();
}

t.test('three failures in a row, and not two', async (t) => {
  const { breaker, states } = open();
  fail(breaker, 2);
  succeed(breaker, 1);
  fail(breaker, 2);
  t.equal(breaker.isUsable, true);
  fail(breaker, 1);
  t.equal(breaker.isUsable, false);
  t.match(breaker.status, { state: 'failing', since: 1_000_000, reason: 'cut' });
  t.same(states, ['failing cut']);
});

t.test('half of the latest, where they are enough to tell', async (t) => {
  const { breaker } = open();
  for (let time = 0; time < 4; time += 1) {
    fail(breaker, 1);
    succeed(breaker, 1);
  }
  t.equal(breaker.isUsable, true, 'four of eight');
  fail(breaker, 1);
  succeed(breaker, 1);
  fail(breaker, 1);
  t.equal(breaker.isUsable, false, 'six of eleven');
});

t.test('failures of long ago do not count', async (t) => {
  const { breaker, pass } = open();
  for (let time = 0; time < 8; time += 1) {
    fail(breaker, 1);
    succeed(breaker, 1);
    pass(15_000);
  }
  t.equal(breaker.isUsable, true);
});

t.test('it comes back by two successes after the hold, and is given up at the first failure', async (t) => {
  const { breaker, pass, states } = open();
  fail(breaker, 3);
  pass(4_999);
  succeed(breaker, 5);
  t.equal(breaker.isUsable, false, 'too early');
  pass(1);
  succeed(breaker, 1);
  fail(breaker, 1);
  succeed(breaker, 1);
  t.equal(breaker.isUsable, false, 'two in a row');
  succeed(breaker, 1);
  t.match(breaker.status, { state: 'recovering', reason: 'cut' });
  t.equal(breaker.isUsable, true);
  breaker.failed('again');
  t.equal(breaker.isUsable, false);
  pass(9_999);
  succeed(breaker, 2);
  t.equal(breaker.isUsable, false, 'twice as long the second time');
  pass(1);
  succeed(breaker, 2);
  succeed(breaker, 10);
  t.same(breaker.status, { state: 'healthy', since: 1_014_999 + 1, reason: undefined });
  t.same(states, ['failing cut', 'recovering cut', 'failing again', 'recovering again', 'healthy']);
});

t.test(
  'what flaps is left alone longer and longer, two minutes at most; ten quiet minutes are forgiven',
  async (t) => {
    const { breaker, pass } = open();
    fail(breaker, 3);
    for (const hold of [5_000, 10_000, 20_000, 40_000, 80_000, 120_000, 120_000]) {
      pass(hold - 1);
      succeed(breaker, 2);
      t.equal(breaker.isUsable, false, `not before ${hold}`);
      pass(1);
      succeed(breaker, 2);
      t.equal(breaker.isUsable, true, `after ${hold}`);
      breaker.failed('again');
    }
    pass(120_000);
    succeed(breaker, 12);
    pass(600_001);
    fail(breaker, 3);
    pass(5_000);
    succeed(breaker, 2);
    t.equal(breaker.isUsable, true);
  },
);

t.test('a clock that is set back does not leave a region out for as long', async (t) => {
  const { breaker, pass } = open();
  fail(breaker, 3);
  pass(-3_600_000);
  succeed(breaker, 2);
  t.equal(breaker.isUsable, true);
});
