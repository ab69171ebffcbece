import t from 'tap';
import { createCollapse } from '../../src/upstream/collapse.ts';

const patient = () => new AbortController().signal;

t.test('equal questions asked at once are asked once', async (t) => {
  const collapse = createCollapse<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let asked = 0;
  const ask = (): Promise<number> => {
    asked += 1;
    return promise;
  };
  const leaver = new AbortController();
  const left = collapse.run('a', ask, leaver.signal);
  const both = [collapse.run('a', ask, patient()), collapse.run('a', ask, patient())];
  leaver.abort();
  await t.rejects(left, { name: 'AbortError' }, 'one that leaves ends alone');
  resolve(7);
  const answers = await Promise.all(both);
  t.strictSame(answers, [
    { value: 7, collapsed: true },
    { value: 7, collapsed: true },
  ]);
  t.equal(asked, 1);
  t.strictSame(
    await collapse.run('a', async () => 8, patient()),
    { value: 8, collapsed: false },
    'nothing is kept',
  );
});

t.test('a failure reaches everybody and is not kept', async (t) => {
  const collapse = createCollapse<number>();
  const fail = (): Promise<number> => Promise.reject(new Error('no'));
  const both = [collapse.run('a', fail, patient()), collapse.run('a', fail, patient())];
  for (const one of both) await t.rejects(one, { message: 'no' });
  t.equal((await collapse.run('a', async () => 1, patient())).value, 1);
  await t.rejects(collapse.run('b', fail, AbortSignal.abort(new Error('gone'))), { message: 'gone' });
});

t.test(
  'the question is given up when the last of its askers has left, and a newcomer asks anew',
  async (t) => {
    const collapse = createCollapse<number>();
    const signals: AbortSignal[] = [];
    const ask = (signal: AbortSignal): Promise<number> => {
      signals.push(signal);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    const first = new AbortController();
    const second = new AbortController();
    const both = [collapse.run('a', ask, first.signal), collapse.run('a', ask, second.signal)];
    first.abort();
    await t.rejects(both[0] as Promise<unknown>, { name: 'AbortError' });
    t.equal(signals[0]?.aborted, false, 'somebody still waits');
    second.abort();
    await t.rejects(both[1] as Promise<unknown>, { name: 'AbortError' });
    t.equal(signals[0]?.aborted, true);
    t.equal((await collapse.run('a', async () => 9, patient())).value, 9);
    t.equal(signals.length, 1);
  },
);

t.test(
  'a question that was answered is not given up: what is left of its answer may still be read',
  async (t) => {
    const collapse = createCollapse<number>();
    for (const answer of [async () => 7, () => Promise.reject(new Error('no'))]) {
      const signals: AbortSignal[] = [];
      const ask = (signal: AbortSignal): Promise<number> => {
        signals.push(signal);
        return answer();
      };
      await Promise.allSettled([collapse.run('a', ask, patient()), collapse.run('a', ask, patient())]);
      t.strictSame(
        signals.map(({ aborted }) => aborted),
        [false],
      );
    }
  },
);
