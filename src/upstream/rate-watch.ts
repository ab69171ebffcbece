/** The least that a source has to bring while nobody has it wait. */
export type LeastRate = {
  /** 0: whatever comes is enough. */
  readonly bytesPerSecond: number;
  /** Milliseconds over which it is measured, those not counted in which the source was paused. */
  readonly windowMs: number;
};

export type RateClock = {
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number;
  /** Calls back after so many milliseconds, unless it is cancelled by what it returns. */
  readonly setTimer: (milliseconds: number, fire: () => void) => () => void;
};

export const RATE_CLOCK: RateClock = {
  now: () => performance.now(),
  setTimer(milliseconds, fire) {
    const timer = setTimeout(fire, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Milliseconds by which a timer may be late. By more, the process stood still, and what the source has sent meanwhile lies unread in
 * the kernel: that says nothing about the source.
 */
const LATE_MS = 1000;

/**
 * Tells whether a body comes so slowly that it might as well not come: a deadline for silence alone is renewed by every byte.
 * Measured over one window after another, so it is found within two of them. A timer per window, none per chunk: this is the path that costs.
 */
export class RateWatch {
  private readonly leastBytes: number;
  private readonly windowMs: number;
  private readonly clock: RateClock;
  private readonly tooSlow: (bytes: number) => void;
  /** Bytes of this window. */
  private bytes = 0;
  /** Milliseconds of this window until the last pause. */
  private flowedMs = 0;
  /** Since when it has flowed; undefined: it is paused. */
  private flowsSince: number | undefined;
  private dueAt = 0;
  private cancelTimer: (() => void) | undefined;
  private isOver: boolean;

  /**
   * It is paused at first.
   * @param tooSlow called once, with the bytes of the window
   */
  constructor(
    { bytesPerSecond, windowMs }: LeastRate,
    tooSlow: (bytes: number) => void,
    clock: RateClock = RATE_CLOCK,
  ) {
    this.leastBytes = (bytesPerSecond * windowMs) / 1000;
    this.windowMs = windowMs;
    this.clock = clock;
    this.tooSlow = tooSlow;
    this.isOver = this.leastBytes <= 0;
  }

  moved(bytes: number): void {
    this.bytes += bytes;
  }

  pause(): void {
    if (this.flowsSince === undefined) return;
    this.flowedMs += this.clock.now() - this.flowsSince;
    this.flowsSince = undefined;
  }

  resume(): void {
    if (this.isOver || this.flowsSince !== undefined) return;
    this.flowsSince = this.clock.now();
    // One that was set before may come too early, and is set anew then.
    if (this.cancelTimer === undefined) this.setTimer(this.flowsSince);
  }

  /** Nothing more comes. */
  end(): void {
    this.isOver = true;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
  }

  private setTimer(now: number): void {
    const wait = Math.max(0, this.windowMs - this.flowedMs);
    this.dueAt = now + wait;
    this.cancelTimer = this.clock.setTimer(wait, () => this.look());
  }

  private look(): void {
    this.cancelTimer = undefined;
    if (this.isOver || this.flowsSince === undefined) return;
    const now = this.clock.now();
    this.flowedMs += now - this.flowsSince;
    this.flowsSince = now;
    if (now - this.dueAt > LATE_MS) this.begin();
    // Timers come up to a millisecond early.
    else if (this.flowedMs >= this.windowMs - 1) {
      if (this.bytes < this.leastBytes) {
        this.isOver = true;
        this.tooSlow(this.bytes);
        return;
      }
      this.begin();
    }
    this.setTimer(now);
  }

  private begin(): void {
    this.bytes = 0;
    this.flowedMs = 0;
  }
}
