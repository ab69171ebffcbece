import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { UpstreamFailure } from '../../src/upstream/failure.ts';
import { createUpstreamQueue } from '../../src/upstream/upstream-queue.ts';

type Timer = { readonly at: number; readonly act: () => void };

/** A queue on a clock and timers of its own. */
function open(limits: Partial<Parameters<typeof createUpstreamQueue>[0]> = {}) {
  let now = 0;
  const timers = new Set<Timer>();
  const metrics = createMetrics();
  const queue = createUpstreamQueue(
    { concurrency: 1, requestsPerMinute: null, queueLength: 3, queueSeconds: 10, ...limits },
    {
      metrics,
      now: () => now,
      schedule(act, afterMs) {
        const timer = { at: now + afterMs, act };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
  );
  const started: string[] = [];
  const ends: (() => void)[] = [];
  return {
    queue,
    metrics,
    started,
    ends,
    timers,
    ask: async (client: string, caller = client, signal = new AbortController().signal): Promise<void> => {
      const end = await queue.enter({ client, caller, signal });
      started.push(client);
      ends.push(end);
    },
    /** Lets time pass, timer by timer, with what follows from each. */
    pass: async (ms: number): Promise<void> => {
      const until = now + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.act();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}

/** Every promise that could go on has gone on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

t.test('what may go goes at once, the rest when something ends', async (t) => {
  const { queue, ask, started, ends, metrics, timers } = open({ concurrency: 2 });
  await Promise.all([ask('a'), ask('b')]);
  const third = ask('c');
  await settle();
  t.same(started, ['a', 'b']);
  t.equal(await metrics.upstreamQueueLength.value({}), 1);
  ends[0]?.();
  ends[0]?.();
  await third;
  const fourth = ask('d');
  await settle();
  t.same(started, ['a', 'b', 'c'], 'ending twice frees one place');
  ends[1]?.();
  await fourth;
  t.equal(await metrics.upstreamQueueLength.value({}), 0);
  t.equal(await metrics.upstreamQueueWait.count({}), 4);
  t.equal(timers.size, 0, 'no timer is left');
  queue.close();
});

t.test('a full queue, and a wait that is too long', async (t) => {
  const { ask, pass, ends, metrics } = open({ queueLength: 1 });
  await ask('a');
  const waiting = ask('b');
  const failure = {
    name: 'UpstreamFailure',
    kind: 'connection_limit_reached',
    where: 'registry',
    status: 503,
  };
  await t.rejects(ask('c'), failure);
  const late = t.rejects(waiting, { ...failure, retryAfterSeconds: 5 });
  await pass(10_000);
  await late;
  t.equal(await metrics.upstreamThrottled.value({ reason: 'queue_full' }), 1);
  t.equal(await metrics.upstreamThrottled.value({ reason: 'wait_too_long' }), 1);
  ends[0]?.();
  await ask('d');
});

t.test('who leaves leaves the queue; who has left is not asked for', async (t) => {
  const { ask, started, ends } = open();
  await ask('a');
  const leaving = new AbortController();
  const left = t.rejects(ask('b', 'b', leaving.signal), { message: 'gone' });
  const next = ask('c');
  leaving.abort(new Error('gone'));
  await left;
  ends[0]?.();
  await next;
  t.same(started, ['a', 'c']);
  await t.rejects(ask('d', 'd', AbortSignal.abort(new Error('gone before'))), { message: 'gone before' });
});

t.test('a budget by the minute: the queue moves with the time', async (t) => {
  const { ask, pass, started, ends } = open({ concurrency: 100, requestsPerMinute: 1, queueSeconds: 60 });
  await ask('a');
  const [second, third] = [ask('b'), ask('c')];
  const late = t.rejects(third, { name: 'UpstreamFailure', status: 429, retryAfterSeconds: 60 });
  await pass(59_000);
  t.same(started, ['a']);
  await pass(1000);
  await second;
  t.same(started, ['a', 'b']);
  await late;
  for (const end of ends) end();
});

t.test('a budget that is used up for longer than anybody waits is said at once', async (t) => {
  const { ask, pass } = open({ concurrency: 100, requestsPerMinute: 1 });
  await ask('a');
  await pass(20_000);
  await t.rejects(ask('b'), { name: 'UpstreamFailure', status: 429, retryAfterSeconds: 40 });
  await pass(31_000);
  const waiting = ask('b');
  await pass(9000);
  await waiting;
});

t.test('a pause holds up those it was said to and nobody else', async (t) => {
  const { queue, ask, pass, started, metrics } = open({ concurrency: 100 });
  queue.pause('ana', 5);
  const waiting = ask('a', 'ana');
  await ask('a', 'bob');
  await ask('b', 'bob');
  t.same(started, ['a', 'b'], 'another caller of the same client, too');
  await pass(4999);
  t.same(started, ['a', 'b']);
  await pass(1);
  await waiting;
  queue.pause('ana', 11);
  queue.pause('ana', 1);
  await t.rejects(
    ask('a', 'ana'),
    { name: 'UpstreamFailure', status: 429, retryAfterSeconds: 11 },
    'a shorter one changes nothing',
  );
  t.equal(await metrics.upstreamThrottled.value({ reason: 'upstream_paused' }), 1);
  queue.pause('eve', 1_000_000);
  await t.rejects(
    ask('e', 'eve'),
    { name: 'UpstreamFailure', retryAfterSeconds: 60 },
    'for a minute at most',
  );
});

t.test('a pause while others wait does not hold them up', async (t) => {
  const { queue, ask, started, ends } = open();
  await ask('a', 'ana');
  const paused = ask('b', 'ana').catch((error: unknown) => error);
  const next = ask('c', 'bob');
  queue.pause('ana', 8);
  ends[0]?.();
  await next;
  t.same(started, ['a', 'c']);
  ends[1]?.();
  t.notOk((await Promise.race([paused, settle()])) instanceof UpstreamFailure, 'it waits');
});

t.test('questions that are held up by a pause keep no place from who has none', async (t) => {
  const { queue, ask, pass, ends, started } = open({ queueLength: 2 });
  await ask('a', 'bob');
  queue.pause('ana', 8);
  const [first, second] = ['b', 'c'].map((client) => ask(client, 'ana'));
  const gone = t.rejects(Promise.resolve(first), {
    name: 'UpstreamFailure',
    status: 429,
    retryAfterSeconds: 8,
  });
  const next = ask('d', 'bob');
  await gone;
  await t.rejects(
    ask('e', 'ana'),
    { name: 'UpstreamFailure', status: 429 },
    'one more of the same has no place',
  );
  ends[0]?.();
  await next;
  t.same(started, ['a', 'd']);
  ends[1]?.();
  await pass(8000);
  await second;
});

t.test('after a pause one question goes, and the others with its answer', async (t) => {
  const { queue, ask, pass, ends, started, timers } = open({ concurrency: 100 });
  queue.pause('ana', 5);
  const waiting = ['a', 'b', 'c'].map((client) => ask(client, 'ana'));
  await pass(5000);
  t.same(started, ['a']);
  queue.pause('ana', 2);
  ends[0]?.();
  await pass(1999);
  t.same(started, ['a'], 'it heard another 429');
  await pass(1);
  t.same(started, ['a', 'b']);
  ends[1]?.();
  await Promise.all(waiting);
  t.equal(timers.size, 0);
});
