import t from 'tap';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { shareTurns } from '../../src/serving/share-turns.ts';
import { createProcessState } from '../../src/state/create-process-state.ts';
import type { SharedState, TurnAnswer } from '../../src/state/shared-state.ts';
import { createUpstreamQueue } from '../../src/upstream/upstream-queue.ts';

const LIMITS = { concurrency: 10, requestsPerMinute: 2, queueLength: 10, queueSeconds: 1 };

function open(state: SharedState, limits: Partial<typeof LIMITS> = {}) {
  const metrics = createMetrics();
  const inForce = { ...LIMITS, ...limits };
  const queue = shareTurns(createUpstreamQueue(inForce, { metrics }), inForce, {
    state,
    name: 'upstream',
    callerName: (caller) => `digest of ${caller}`,
    metrics,
  });
  t.teardown(() => queue.close());
  const signal = new AbortController().signal;
  return { metrics, queue, enter: async () => queue.enter({ client: 'c', caller: 'ana', signal }) };
}

t.test('two queues, one budget', async (t) => {
  const state = createProcessState();
  const [one, other] = [open(state), open(state)];
  await one.enter();
  await other.enter();
  await t.rejects(one.enter(), { name: /./, status: 429, kind: 'connection_limit_reached' });
  const failure = await other.enter().then(
    () => undefined,
    (error: unknown) => error as { retryAfterSeconds: number },
  );
  t.ok((failure?.retryAfterSeconds ?? 0) > 50);
  t.equal(await one.metrics.upstreamThrottled.value({ reason: 'wait_too_long' }), 1);
});

t.test('a pause of one is one of the other, under a name that is no credential', async (t) => {
  const names: string[] = [];
  const inner = createProcessState();
  const state: SharedState = {
    ...inner,
    pause(queue, caller, milliseconds) {
      names.push(caller);
      return inner.pause(queue, caller, milliseconds);
    },
  };
  const [one, other] = [open(state), open(state)];
  one.queue.pause('ana', 30);
  await t.rejects(other.enter(), { name: /./, status: 429 });
  t.same(names, ['digest of ana']);
});

t.test('a state that can not be asked stops nobody', async () => {
  const state: SharedState = { ...createProcessState(), takeTurn: () => Promise.resolve(undefined) };
  const { enter } = open(state);
  (await enter())();
  (await enter())();
});

t.test('who waits for the budget goes when there is one, and leaves with its signal', async (t) => {
  const answers: TurnAnswer[] = [
    { kind: 'budget_used', waitMs: 5 },
    { kind: 'taken' },
    { kind: 'budget_used', waitMs: 900 },
  ];
  const state: SharedState = { ...createProcessState(), takeTurn: () => Promise.resolve(answers.shift()) };
  const { queue, enter } = open(state, { requestsPerMinute: 1000, concurrency: 1 });
  (await enter())();
  const leaving = new AbortController();
  const entering = Promise.resolve(queue.enter({ client: 'c', caller: undefined, signal: leaving.signal }));
  setImmediate(() => leaving.abort(new Error('the client has left')));
  await t.rejects(entering, { message: 'the client has left' });
  (await enter())();
  t.pass('its place was given back');
});
