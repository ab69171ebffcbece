import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import {
  createRenewedCredentials,
  type FreshCredentials,
} from '../../../src/upstream/identity/renewed-credentials.ts';

/** A source whose clock and answers the test sets; each answer lives for 1000 s. */
function open(deadlineMs = 1000) {
  const state = { now: 0, calls: 0, results: [] as string[] };
  let next: () => Promise<FreshCredentials> = () => Promise.resolve(answer());
  const answer = (): FreshCredentials => ({
    credentials: { username: 'u', password: `p${state.calls}` },
    expiresAt: state.now + 1_000_000,
  });
  const source = createRenewedCredentials(
    () => {
      state.calls += 1;
      return next();
    },
    { deadlineMs, now: () => state.now, onResult: (result) => void state.results.push(result) },
  );
  /** Until so many answers are in, whether anybody waits for them or not. */
  const settled = async (count: number): Promise<void> => {
    for (let turn = 0; turn < 1000 && state.results.length < count; turn += 1) await setImmediate();
    if (state.results.length !== count) throw new Error(`${state.results.length} answers, not ${count}`);
  };
  const get = async () => (await source.get()).password;
  return { state, source, settled, get, answer, answerWith: (act: typeof next) => void (next = act) };
}

t.test(
  'one question for all who ask at once, kept, renewed before 80 % of its life without anybody waiting',
  async (t) => {
    const { state, settled, get } = open();
    t.same(await Promise.all([get(), get(), get()]), ['p1', 'p1', 'p1']);
    state.now = 740_000;
    t.equal(await get(), 'p1');
    t.equal(state.calls, 1);
    state.now = 760_000;
    t.equal(await get(), 'p1', 'the present one, at once');
    await settled(2);
    t.equal(await get(), 'p2');
    t.equal(state.calls, 2);
    t.same(state.results, ['ok', 'ok']);
  },
);

t.test(
  'an outage: the present one while it is valid, then the reason; and one question at a time',
  async (t) => {
    const { state, settled, get, answerWith, answer } = open();
    await get();
    answerWith(() => Promise.reject(new Error('Entra is away')));
    state.now = 800_000;
    t.equal(await get(), 'p1');
    t.equal(await get(), 'p1');
    await settled(2);
    t.equal(await get(), 'p1');
    t.equal(state.calls, 2, 'not asked again at once');
    state.now = 810_000;
    t.equal(await get(), 'p1');
    await settled(3);
    t.equal(state.calls, 3);
    state.now = 1_000_000;
    await t.rejects(get(), { message: 'Entra is away' });
    await t.rejects(get(), { message: 'Entra is away' });
    t.equal(state.calls, 4, 'the pause holds for those who have none, too');
    answerWith(() => Promise.resolve(answer()));
    state.now = 1_006_000;
    t.equal(await get(), 'p5');
  },
);

t.test('a silent service is given up, and the present one kept', async (t) => {
  const { state, get, answerWith } = open(20);
  answerWith(() => new Promise(() => {}));
  await t.rejects(get(), { message: 'no answer within 20 ms' });
  t.same(state.results, ['failed']);
});

t.test('refused by the registry: a new one first, but not in a circle', async (t) => {
  const { state, source, get, answerWith } = open();
  await get();
  source.refresh();
  t.equal(await get(), 'p1', 'it has just been asked for');
  state.now = 6000;
  t.equal(await get(), 'p2');
  state.now = 12_000;
  t.equal(await get(), 'p2');
  answerWith(() => Promise.reject(new Error('away')));
  source.refresh();
  t.equal(await get(), 'p2', 'better than none');
});
