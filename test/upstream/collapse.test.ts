import t from 'tap';
import { createCollapse } from '../../src/upstream/collapse.ts';

t.test('equal questions asked at once are asked once', async (t) => {
  const collapse = createCollapse<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let asked = 0;
  const ask = (): Promise<number> => {
    asked += 1;
    return promise;
  };
  const signal = new AbortController().signal;
  const leaver = new AbortController();
  const left = collapse.run('a', ask, leaver.signal);
  const both = [collapse.run('a', ask, signal), collapse.run('a', ask, signal)];
  leaver.abort();
  await t.rejects(left, { name: 'AbortError' }, 'one that leaves ends alone');
  resolve(7);
  t.same(await Promise.all(both), [7, 7]);
  t.equal(asked, 1);
  t.equal(await collapse.run('a', async () => 8, signal), 8, 'nothing is kept');
});

t.test('a failure reaches everybody and is not kept', async (t) => {
  const collapse = createCollapse<number>();
  const signal = new AbortController().signal;
  const fail = (): Promise<number> => Promise.reject(new Error('no'));
  const both = [collapse.run('a', fail, signal), collapse.run('a', fail, signal)];
  for (const one of both) await t.rejects(one, { message: 'no' });
  t.equal(await collapse.run('a', async () => 1, signal), 1);
  await t.rejects(collapse.run('b', fail, AbortSignal.abort('gone')), { message: 'aborted' });
});
