import t from 'tap';
import { createTurns } from '../../src/system/turns.ts';

t.test('others have their turn after ten milliseconds of work, and then again', async (t) => {
  let time = 0;
  let passed = 0;
  const turns = createTurns({
    now: () => time,
    pass() {
      passed += 1;
      // Theirs does not count.
      time += 1000;
      return Promise.resolve();
    },
  });
  for (let piece = 0; piece < 100; piece += 1) {
    time += 1;
    const pause = turns.next();
    t.equal(pause !== undefined, piece % 10 === 9, `piece ${piece}`);
    await pause;
  }
  t.equal(passed, 10);
});

t.test('the event loop’s own turn, if nothing else is said', async (t) => {
  let time = 0;
  const turns = createTurns({ now: () => time });
  let others = 0;
  setImmediate(() => (others += 1));
  time += 20;
  await turns.next();
  t.equal(others, 1);
});
