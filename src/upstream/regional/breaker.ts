/** `recovering`: used again, and given up at the first failure. */
export type BreakerState = 'healthy' | 'failing' | 'recovering';

export type BreakerStatus = {
  readonly state: BreakerState;
  /** Unix milliseconds. */
  readonly since: number;
  /** Of the last failure that counted; undefined while healthy. */
  readonly reason: string | undefined;
};

/** Whether one peer is worth asking, judged by how asking it has ended. */
export type Breaker = {
  readonly isUsable: boolean;
  readonly status: BreakerStatus;
  succeeded(): void;
  /** @param reason a few words, no secret in them */
  failed(reason: string): void;
};

export type BreakerDeps = {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onState: (status: BreakerStatus) => void;
  /** Milliseconds that a failing peer is left alone at the least; twice as long each time it fails again soon. */
  readonly holdMs: number;
};

/** Failures one after another: one is a connection that was cut, two may be the same cause seen twice. */
const CONSECUTIVE_FAILURES = 3;
/** Outcomes that a rate is taken from, and the least number that makes one. */
const WINDOW = 20;
const LEAST_OUTCOMES = 10;
/** Milliseconds: what is older says nothing about now. */
const WINDOW_MS = 60_000;
const FAILURE_RATE = 0.5;
/** Successes, after the hold, until it is used again. */
const SUCCESSES_TO_RECOVER = 2;
/** Successes in use until one failure is just one again. */
const SUCCESSES_TO_TRUST = 10;
const MAX_HOLD_MS = 120_000;
/** Milliseconds of health after which a new failure has nothing to do with the last. */
const FORGIVEN_MS = 600_000;

/**
 * A circuit breaker: several failures in a row, or half of the latest, open it. It closes by itself: successes (a probe's
 * are enough) after a hold that doubles while it flaps.
 */
export function createBreaker({ now, onState, holdMs: firstHoldMs }: BreakerDeps): Breaker {
  let status: BreakerStatus = { state: 'healthy', since: now(), reason: undefined };
  let outcomes: { readonly at: number; readonly ok: boolean }[] = [];
  let consecutiveFailures = 0;
  let successes = 0;
  let trips = 0;
  let lastTrip = Number.NEGATIVE_INFINITY;

  function enter(state: BreakerState, reason: string | undefined): void {
    status = { state, since: now(), reason };
    successes = 0;
    outcomes = [];
    consecutiveFailures = 0;
    onState(status);
  }

  function trip(reason: string): void {
    trips = now() - lastTrip > FORGIVEN_MS ? 1 : trips + 1;
    lastTrip = now();
    enter('failing', reason);
  }

  function record(ok: boolean): void {
    outcomes = [...outcomes.filter(({ at }) => now() - at <= WINDOW_MS), { at: now(), ok }].slice(-WINDOW);
    consecutiveFailures = ok ? 0 : consecutiveFailures + 1;
  }

  function failsTooOften(): boolean {
    if (consecutiveFailures >= CONSECUTIVE_FAILURES) return true;
    const failures = outcomes.filter(({ ok }) => !ok).length;
    return outcomes.length >= LEAST_OUTCOMES && failures / outcomes.length >= FAILURE_RATE;
  }

  // A clock that was set back holds nothing up until it is as late again.
  const isHeld = (elapsed: number): boolean => elapsed >= 0 && elapsed < holdMs();
  const holdMs = (): number => Math.min(firstHoldMs * 2 ** (trips - 1), MAX_HOLD_MS);

  return {
    get isUsable() {
      return status.state !== 'failing';
    },
    get status() {
      return status;
    },
    succeeded() {
      switch (status.state) {
        case 'healthy':
          record(true);
          return;
        case 'failing':
          // Too early: what flaps would be used again at each up.
          if (isHeld(now() - status.since)) return;
          successes += 1;
          if (successes >= SUCCESSES_TO_RECOVER) enter('recovering', status.reason);
          return;
        case 'recovering':
          successes += 1;
          if (successes >= SUCCESSES_TO_TRUST) enter('healthy', undefined);
      }
    },
    failed(reason) {
      switch (status.state) {
        case 'healthy':
          record(false);
          if (failsTooOften()) trip(reason);
          return;
        case 'failing':
          successes = 0;
          return;
        case 'recovering':
          trip(reason);
      }
    },
  };
}
