import t from 'tap';
import { WrongBytes } from './oracle.ts';
import { TryFailed } from './puller.ts';
import { createTasks } from './task.ts';

t.test('a failed try is made again, and counted', async (t) => {
  const tasks = createTasks(new AbortController().signal);
  let tries = 0;
  await tasks.run('pull', 'x', async () => {
    tries += 1;
    t.equal(tasks.running.size, 1);
    if (tries === 1) throw new TryFailed('no_answer');
  });
  t.equal(tries, 2);
  t.equal(tasks.running.size, 0);
  t.same([...tasks.tally.done], [['pull', 1]]);
  t.same([...tasks.tally.failedTries], [['no_answer', 1]]);
});

t.test('a wrong byte is never tried again', async (t) => {
  const tasks = createTasks(new AbortController().signal);
  await tasks.run('pull', 'x', async () => {
    throw new WrongBytes('byte 3');
  });
  t.same(tasks.tally.wrong, ['pull x: byte 3']);
  t.equal(tasks.tally.done.size, 0);
});

t.test('what the soak does not know is its own fault', async (t) => {
  const tasks = createTasks(new AbortController().signal);
  await tasks.run('pull', 'x', async () => {
    throw new TypeError('oh');
  });
  t.match(tasks.tally.broken, ['pull x: TypeError: oh']);
});

t.test('the end of the run ends it', async (t) => {
  const stop = new AbortController();
  const tasks = createTasks(stop.signal);
  await tasks.run('pull', 'x', async () => {
    stop.abort();
    throw new TryFailed('no_answer');
  });
  t.equal(tasks.running.size, 0);
  t.equal(tasks.tally.done.size, 0);
});
