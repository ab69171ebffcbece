import t from 'tap';
import { createProcessState } from '../../src/state/create-process-state.ts';
import { NO_TRACING } from '../../src/trace/tracing.ts';
import { createDesk, type DeskDeps } from '../../src/workers/desk.ts';
import { createLink, type Link } from '../../src/workers/link.ts';
import type { AskPrimary, AskWorker, TellPrimary, TellWorker } from '../../src/workers/worker-messages.ts';
import { createWorkerState } from '../../src/workers/worker-state.ts';
import { sharedStateContract } from '../support/contract/shared-state.ts';
import { createPipe } from './pipe.ts';

type Nothing = Readonly<Record<string, never>>;

/** Workers at one primary's state. */
function openPrimary() {
  let time = 0;
  const state = createProcessState(() => time);
  const workers: ReturnType<typeof createWorkerState>[] = [];
  const forgetEverywhere = (group: string): Promise<void> => {
    for (const worker of workers) worker.ended(group);
    return Promise.resolve();
  };
  const deps: DeskDeps = {
    store: undefined,
    attach: undefined,
    openSource: () => undefined,
    state,
    forgetEverywhere,
    tracing: NO_TRACING,
    audit: () => undefined,
    migration: { record: () => undefined },
  };
  return {
    pass(milliseconds: number): Promise<void> {
      time += milliseconds;
      return Promise.resolve();
    },
    openWorker() {
      const { ends, cut } = createPipe();
      const desk = createDesk(() => primary, deps);
      const primary: Link<AskWorker, TellWorker> = createLink<AskWorker, TellWorker, AskPrimary, TellPrimary>(
        ends[0],
        desk.calls,
        { ...desk.notes, pulse: () => undefined, limits: () => undefined },
      );
      const link = createLink<AskPrimary, TellPrimary, Nothing, Nothing>(ends[1], {}, {});
      const worker = createWorkerState(link, () => time);
      workers.push(worker);
      return { worker, cut, end: () => desk.close() };
    },
  };
}

t.test('contract', (t) =>
  sharedStateContract(t, () => {
    const primary = openPrimary();
    const [state, other] = [primary.openWorker().worker, primary.openWorker().worker];
    return Promise.resolve({ state, other, pass: (milliseconds) => primary.pass(milliseconds) });
  }),
);

t.test('an epoch that is known is certain until the primary ends it', async (t) => {
  const primary = openPrimary();
  const [one, other] = [primary.openWorker().worker, primary.openWorker().worker];
  t.equal(one.epochNow?.('group'), undefined);
  const look = await one.look('group', []);
  t.equal(one.epochNow?.('group'), look?.epoch);
  t.equal(await other.forget('group'), true);
  t.equal(one.epochNow?.('group'), undefined, 'before the other has its answer');
  t.not((await one.look('group', []))?.epoch, look?.epoch);
});

t.test('an epoch that ends while it is asked for is not taken for the one in force', async (t) => {
  const worker = openPrimary().openWorker().worker;
  const looking = worker.look('group', []);
  worker.ended('group');
  await looking;
  t.equal(worker.epochNow?.('group'), undefined);
});

t.test(
  'an epoch is known for so long from when it was asked for, however late the answer is heard',
  async (t) => {
    const primary = openPrimary();
    const { worker } = primary.openWorker();
    const looking = worker.look('group', []);
    await primary.pass(4_999);
    const answer = await looking;
    t.equal(worker.epochNow?.('group'), answer?.epoch);
    await primary.pass(1);
    t.equal(worker.epochNow?.('group'), undefined);
  },
);

t.test('a lease that a worker is given as it ends is free again', async (t) => {
  const primary = openPrimary();
  const dying = primary.openWorker();
  const { worker } = primary.openWorker();
  const acquiring = dying.worker.acquire('name', 60_000);
  dying.end();
  dying.cut();
  t.equal(await acquiring, undefined);
  t.type(await worker.acquire('name', 60_000), Object);
});

t.test('without the primary there is no state', async (t) => {
  const { worker, cut } = openPrimary().openWorker();
  cut();
  t.equal(await worker.look('group', []), undefined);
  t.equal(await worker.forget('group'), false);
  t.equal(await worker.acquire('name', 1000), undefined);
});
