import t from 'tap';
import { coalesce } from '../../src/workers/coalesce.ts';

t.test('who asks during a run is given the next, with all others who do', async (t) => {
  const runs: PromiseWithResolvers<number>[] = [];
  const ask = coalesce(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  const first = ask();
  const later = [ask(), ask()];
  t.equal(runs.length, 1);
  runs[0]?.resolve(1);
  t.equal(await first, 1);
  while (runs.length < 2) await new Promise((turn) => setImmediate(turn));
  runs[1]?.resolve(2);
  t.same(await Promise.all(later), [2, 2]);
  t.equal(runs.length, 2);
});

t.test('a run that fails holds nobody else up', async (t) => {
  let count = 0;
  const ask = coalesce(async () => {
    count += 1;
    if (count === 1) throw new Error('once');
    return count;
  });
  const [first, second] = [ask(), ask()];
  await t.rejects(first, { message: 'once' });
  t.equal(await second, 2);
  t.equal(await ask(), 3);
});
