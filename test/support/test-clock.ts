/** A clock that a test sets going: nothing passes by itself. */
export type TestClock = {
  /** Milliseconds. */
  readonly now: () => number;
  readonly setTimer: (milliseconds: number, fire: () => void) => () => void;
  /** Timers that are set. */
  readonly timers: number;
  /** Milliseconds pass, and each timer fires when it is due. */
  pass(milliseconds: number): void;
  /** The process stood still for so long: timers that were due fire afterwards. */
  jump(milliseconds: number): void;
};

export function createTestClock(): TestClock {
  let time = 0;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();

  function fireDue(to: number): void {
    for (;;) {
      const due = [...timers].filter(({ at }) => at <= to).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) return;
      timers.delete(due);
      time = Math.max(time, due.at);
      due.fire();
    }
  }

  return {
    now: () => time,
    setTimer(milliseconds, fire) {
      const timer = { at: time + milliseconds, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get timers() {
      return timers.size;
    },
    pass(milliseconds) {
      const to = time + milliseconds;
      fireDue(to);
      time = to;
    },
    jump(milliseconds) {
      time += milliseconds;
      fireDue(time);
    },
  };
}
