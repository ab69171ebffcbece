import t from 'tap';
import { createFillLease } from '../../../src/blob/shared/fill-lease.ts';
import { createProcessState } from '../../../src/state/create-process-state.ts';
import type { SharedState } from '../../../src/state/shared-state.ts';

/** A lease of a state that answers when it is told to, with a clock of the test's. */
function openLease() {
  let time = 0;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const inner = createProcessState(() => time);
  const held: (() => void)[] = [];
  const gates = { isOpen: true };
  const gate = async (): Promise<void> => {
    if (!gates.isOpen) await new Promise<void>((resolve) => held.push(resolve));
  };
  const state: SharedState = {
    ...inner,
    async acquire(name, ttlMs) {
      const lease = await inner.acquire(name, ttlMs);
      await gate();
      if (lease === undefined || lease === 'held') return lease;
      return {
        ...lease,
        async renew() {
          const isHeld = await lease.renew();
          await gate();
          return isHeld;
        },
      };
    },
  };
  const clock = {
    now: () => time,
    setTimer(milliseconds: number, fire: () => void) {
      const timer = { at: time + milliseconds, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const lease = createFillLease({ state, name: 'one', clock, isAtWork: () => true });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    lease,
    isFree: async (): Promise<boolean> => {
      const other = await inner.acquire('one', 1);
      if (other === undefined || other === 'held') return false;
      await other.release();
      return true;
    },
    hold: (): void => {
      gates.isOpen = false;
    },
    goOn: async (): Promise<void> => {
      gates.isOpen = true;
      for (const go of held.splice(0)) go();
      await settle();
    },
    /** The process stands still: no timer fires. */
    stand: (milliseconds: number): void => {
      time += milliseconds;
    },
    pass: async (milliseconds: number): Promise<void> => {
      const endsAt = time + milliseconds;
      for (;;) {
        const next = [...timers].toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > endsAt) break;
        timers.delete(next);
        time = Math.max(time, next.at);
        next.fire();
        await settle();
      }
      time = endsAt;
    },
    timers,
  };
}

t.test('a lease counts from when it was asked for, not from when the answer was read', async (t) => {
  const { lease, hold, goOn, stand, pass } = openLease();
  hold();
  const taking = lease.take();
  stand(10_000);
  await goOn();
  t.equal(await taking, true, 'it was given, 10 s ago');
  await pass(2_000);
  t.equal(lease.isHeld, false, 'and is believed no longer than until the first renewal');
});

t.test('the same of a renewal', async (t) => {
  const { lease, hold, goOn, stand, pass } = openLease();
  t.equal(await lease.take(), true);
  hold();
  await pass(2_000);
  stand(10_000);
  await goOn();
  await pass(2_000);
  t.equal(lease.isHeld, false);
});

t.test('what is let go of while it is being taken is let go of when it is there', async (t) => {
  const { lease, hold, goOn, isFree, timers } = openLease();
  hold();
  const taking = lease.take();
  const lettingGo = lease.letGo();
  await goOn();
  await Promise.all([taking, lettingGo]);
  t.equal(lease.isHeld, false);
  t.equal(await isFree(), true, 'nobody waits for who is gone');
  t.equal(timers.size, 0);
});

t.test('a lease that is renewed in time is held for as long as it is worked on', async (t) => {
  const { lease, pass, isFree, timers } = openLease();
  t.equal(await lease.take(), true);
  await pass(60_000);
  t.equal(lease.isHeld, true);
  t.equal(await isFree(), false);
  await lease.close();
  t.equal(await isFree(), true);
  t.equal(timers.size, 0);
});
