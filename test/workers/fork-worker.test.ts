import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { forkWorker } from '../../src/workers/fork-worker.ts';

/** Says more than the pipe holds, and dies as soon as the system has it. */
const TALKER = `
const all = Array.from({ length: 20 }, (_, index) => new Promise((said) =>
  process.send({ index, filler: Buffer.alloc(4000) }, undefined, undefined, said)));
await Promise.all(all);
process.kill(process.pid, 'SIGKILL');
`;

function isDead(pid = 0): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
}

t.test('what a worker has said is heard before it is gone, and nothing after', async (t) => {
  const entry = join(t.testdir({ 'talker.mjs': TALKER }), 'talker.mjs');
  for (let time = 0; time < 5; time += 1) {
    const worker = forkWorker(entry, []);
    const heard: unknown[] = [];
    worker.onMessage((message) => {
      // Until it is dead, so that its end is known at the same time as its words.
      if (heard.push(message) === 1) while (!isDead(worker.pid)) continue;
    });
    const { promise: closed, resolve } = Promise.withResolvers<number>();
    worker.onClose(() => resolve(heard.length));
    t.equal(await closed, 20);
    await new Promise((next) => setImmediate(next));
    t.equal(heard.length, 20);
  }
});

t.test('one that lets go of the pipe is of no use, and ended', async (t) => {
  const entry = join(
    t.testdir({ 'idle.mjs': 'process.disconnect(); setInterval(() => {}, 1000);' }),
    'idle.mjs',
  );
  const worker = forkWorker(entry, []);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  worker.onClose(resolve);
  await closed;
  t.throws(() => process.kill(worker.pid ?? 0, 0), { code: 'ESRCH' });
});

t.test('one that can not be started is gone', async (t) => {
  const worker = forkWorker(join(t.testdir({}), 'none.mjs'), []);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  worker.onClose(resolve);
  worker.send({});
  await closed;
  t.pass();
});
