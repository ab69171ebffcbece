import type { HeldLease, SharedState } from '../../state/shared-state.ts';
import { every, type SharedClock } from './shared-clock.ts';

/** Who of all replicas brings one blob. It saves bytes and protects nothing: of two who believe to hold it each fetches. */
export type FillLease = {
  readonly isHeld: boolean;
  /** Takes it where it is free. False: another replica has it; undefined: the state can not be asked. */
  take(): Promise<boolean | undefined>;
  letGo(): Promise<void>;
  /** It is not to be taken any more. */
  close(): Promise<void>;
};

export type FillLeaseDeps = {
  readonly state: SharedState;
  readonly name: string;
  readonly clock: SharedClock;
  /** Something is being done that it is held for. */
  readonly isAtWork: () => boolean;
};

/** Milliseconds that a replica which dies keeps others waiting. */
const LEASE_MS = 6_000;
const RENEW_MS = 2_000;

export function createFillLease({ state, name, clock, isAtWork }: FillLeaseDeps): FillLease {
  const { now } = clock;
  let lease: HeldLease | undefined;
  let stopRenewing: (() => void) | undefined;
  let taking: Promise<boolean | undefined> | undefined;
  let isClosed = false;

  async function letGo(): Promise<void> {
    // What is being taken is nobody's to work on either when it is there.
    if (taking !== undefined) await taking;
    const held = lease;
    stopRenewing?.();
    lease = undefined;
    await held?.release();
  }

  /** @param askedAt its time runs from then on at the latest, whenever the answer was read */
  function hold(taken: HeldLease, askedAt: number): void {
    lease = taken;
    let heldAt = askedAt;
    let workedAt = now();
    stopRenewing = every(clock, RENEW_MS, () => void keep());

    async function keep(): Promise<void> {
      if (isAtWork()) workedAt = now();
      // Nothing works on it: a fill that was refused, or that has ended.
      if (now() - workedAt > LEASE_MS) {
        await letGo();
        return;
      }
      const renewedAt = now();
      if (await taken.renew()) heldAt = renewedAt;
      // A state that is late once has not given it to another yet.
      else if (lease === taken && now() - heldAt > LEASE_MS) await letGo();
    }
  }

  async function acquire(): Promise<boolean | undefined> {
    const askedAt = now();
    const taken = await state.acquire(name, LEASE_MS);
    if (taken === undefined) return undefined;
    if (taken === 'held') return false;
    if (isClosed) {
      await taken.release();
      return false;
    }
    hold(taken, askedAt);
    return true;
  }

  return {
    get isHeld() {
      return lease !== undefined;
    },
    // Once for all who ask meanwhile: the second one would find it taken, by ourselves.
    async take() {
      if (lease !== undefined) return true;
      taking ??= acquire().finally(() => {
        taking = undefined;
      });
      return taking;
    },
    letGo,
    async close() {
      isClosed = true;
      await letGo();
    },
  };
}
