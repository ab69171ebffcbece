export type HeldCall = {
  /** Calls what `take` was given; before that, the call is held. */
  readonly call: () => void;
  /** From now on `act` is called, and once at once where calls were held. */
  readonly take: (act: () => void) => void;
};

/** For a signal that must be heard before there is anybody to act on it. */
export function createHeldCall(): HeldCall {
  let held = false;
  let act: (() => void) | undefined;
  return {
    call() {
      if (act === undefined) held = true;
      else act();
    },
    take(next) {
      act = next;
      if (!held) return;
      held = false;
      next();
    },
  };
}
