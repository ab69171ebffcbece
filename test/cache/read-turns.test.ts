import t from 'tap';
import { createReadTurns } from '../../src/cache/read-turns.ts';

const MEBIBYTE = 1024 * 1024;

/** The next turn comes when it is called. */
function steppedTurns() {
  const due: (() => void)[] = [];
  const turns = createReadTurns((begin) => void due.push(begin));
  return { turns, due, next: () => due.shift()?.() };
}

t.test('a turn serves in the order of asking, and ends when a mebibyte is read', (t) => {
  const { turns, due, next } = steppedTurns();
  const served: number[] = [];
  for (const number of [1, 2, 3, 4, 5]) {
    turns.take(() => {
      served.push(number);
      turns.spend(MEBIBYTE / 2);
    });
  }
  t.equal(due.length, 1, 'asked for once');
  t.strictSame(served, [], 'nobody is served at once');
  next();
  t.strictSame(served, [1, 2]);
  turns.take(() => void served.push(6));
  next();
  t.strictSame(served, [1, 2, 3, 4]);
  next();
  t.strictSame(served, [1, 2, 3, 4, 5, 6]);
  t.equal(due.length, 0, 'nobody waits');
  t.end();
});

t.test('who asks again within its turn waits for the next one, behind the others', (t) => {
  const { turns, next } = steppedTurns();
  const served: string[] = [];
  const ask = (name: string, bytes: number): void =>
    turns.take(() => {
      served.push(name);
      turns.spend(bytes);
      ask(name, bytes);
    });
  ask('fast', MEBIBYTE);
  ask('slow', 1);
  for (let turn = 0; turn < 4; turn += 1) next();
  t.strictSame(served, ['fast', 'slow', 'fast', 'slow', 'fast', 'slow', 'fast']);
  t.end();
});
