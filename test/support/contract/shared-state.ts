import type { Test } from 'tap';
import type { SharedState } from '../../../src/state/shared-state.ts';

export type StateUnderTest = {
  readonly state: SharedState;
  /** What another replica has; the same one where there are no others. */
  readonly other: SharedState;
  /** Resolves when at least so many milliseconds have passed for the state. */
  readonly pass: (milliseconds: number) => Promise<void>;
};

/** What every shared state does; `open` gives a new one that has nothing in it. */
export async function sharedStateContract(
  t: Test,
  open: (t: Test) => Promise<StateUnderTest>,
): Promise<void> {
  await t.test('what is kept in an epoch is found by every replica', async (t) => {
    const { state, other } = await open(t);
    const look = await state.look('group', ['name', 'none']);
    if (look === undefined) throw new Error('the state can be asked');
    t.strictSame(look.found, [undefined, undefined]);
    await state.keep('group', look.epoch, 'name', 'a value with spaces', 10_000);
    t.strictSame(await other.look('group', ['none', 'name']), {
      epoch: look.epoch,
      found: [undefined, 'a value with spaces'],
    });
    t.strictSame((await other.look('another group', ['name']))?.found, [undefined]);
  });

  await t.test('forgetting ends the epoch, for what is there and for what is still to be kept', async (t) => {
    const { state, other } = await open(t);
    const before = await state.look('group', []);
    await state.keep('group', before?.epoch ?? '', 'name', 'old', 10_000);
    t.equal(await other.forget('group'), true);
    await state.keep('group', before?.epoch ?? '', 'late', 'asked before the write', 10_000);
    const after = await state.look('group', ['name', 'late']);
    t.not(after?.epoch, before?.epoch);
    t.strictSame(after?.found, [undefined, undefined]);
    await state.keep('group', before?.epoch ?? '', 'later', 'asked before the write', 10_000);
    t.strictSame((await other.look('group', ['later']))?.found, [undefined]);
  });

  await t.test('what is kept ends with its time', async (t) => {
    const { state, pass } = await open(t);
    const look = await state.look('group', []);
    await state.keep('group', look?.epoch ?? '', 'name', 'value', 100);
    await pass(100);
    t.strictSame(await state.look('group', ['name']), { epoch: look?.epoch, found: [undefined] });
  });

  await t.test('a budget is one for all replicas', async (t) => {
    const { state, other } = await open(t);
    const turn = { queue: 'upstream', caller: undefined, requestsPerMinute: 3 };
    for (const each of [state, other, state]) t.strictSame(await each.takeTurn(turn), { kind: 'taken' });
    for (const each of [state, other]) {
      const answer = await each.takeTurn(turn);
      t.equal(answer?.kind, 'budget_used');
      const waitMs = answer?.kind === 'taken' ? 0 : (answer?.waitMs ?? 0);
      t.ok(waitMs > 0 && waitMs <= 60_000, `${waitMs} ms are within the window`);
    }
    t.strictSame(await state.takeTurn({ ...turn, queue: 'another' }), { kind: 'taken' });
    t.strictSame(await state.takeTurn({ ...turn, requestsPerMinute: null }), { kind: 'taken' }, 'no limit');
    t.equal((await state.takeTurn({ ...turn, requestsPerMinute: 2 }))?.kind, 'budget_used', 'a smaller one');
    t.strictSame(await state.takeTurn({ ...turn, requestsPerMinute: 4 }), { kind: 'taken' }, 'a larger one');
  });

  await t.test('a pause holds one caller up, everywhere, for its time', async (t) => {
    const { state, other, pass } = await open(t);
    const turn = { queue: 'upstream', caller: 'one', requestsPerMinute: null };
    await state.pause('upstream', 'one', 200);
    await state.pause('upstream', 'one', 1);
    const answer = await other.takeTurn(turn);
    t.equal(answer?.kind, 'paused', 'the longer one stays');
    t.strictSame(await other.takeTurn({ ...turn, caller: 'two' }), { kind: 'taken' });
    t.strictSame(await other.takeTurn({ ...turn, queue: 'another' }), { kind: 'taken' });
    await pass(200);
    t.strictSame(await other.takeTurn(turn), { kind: 'taken' });
  });

  await t.test('a lease has one owner, until it is released', async (t) => {
    const { state, other } = await open(t);
    const lease = await state.acquire('blob', 10_000);
    if (lease === undefined || lease === 'held') throw new Error('nobody has it');
    t.equal(await other.acquire('blob', 10_000), 'held');
    t.equal(await state.acquire('blob', 10_000), 'held', 'not by who has it either');
    t.equal(await lease.renew(), true);
    await lease.release();
    t.equal(await lease.renew(), false);
    const next = await other.acquire('blob', 10_000);
    if (next === undefined || next === 'held') throw new Error('it was released');
    t.ok(next.token > lease.token, 'tokens grow');
    await lease.release();
    t.equal(await next.renew(), true, 'who had it before releases nothing');
  });

  await t.test('a lease that is not renewed passes on', async (t) => {
    const { state, other, pass } = await open(t);
    const lease = await state.acquire('blob', 100);
    await pass(100);
    const next = await other.acquire('blob', 10_000);
    if (lease === undefined || lease === 'held') throw new Error('nobody had it');
    if (next === undefined || next === 'held') throw new Error('it has run out');
    t.ok(next.token > lease.token);
    t.equal(await lease.renew(), false);
    t.equal(await next.renew(), true);
  });

  await t.test('a record collects what all replicas note', async (t) => {
    const { state, other, pass } = await open(t);
    t.strictSame(await state.read('record'), new Map());
    t.equal(await state.note('record', 'one', '1', 150), true);
    t.equal(await other.note('record', 'two', '2', 150), true);
    t.equal(await other.note('record', 'one', '3', 150), true);
    t.strictSame(
      await state.read('record'),
      new Map([
        ['one', '3'],
        ['two', '2'],
      ]),
    );
    await pass(150);
    t.strictSame(await other.read('record'), new Map());
  });
}
