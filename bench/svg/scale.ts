export type Scale = {
  /** Pixels from the start of the axis. */
  at: (value: number) => number;
  /** Round values, from 0 to the end of the axis. */
  ticks: readonly number[];
};

const STEPS = [1, 2, 2.5, 5, 10] as const;
const MOST_TICKS = 6;

/** An axis from 0 to a round value at or above `most`, of this length in pixels. Bars are honest from 0 on only. */
export function createScale(most: number, pixels: number): Scale {
  const end = most > 0 && Number.isFinite(most) ? most : 1;
  const power = 10 ** Math.floor(Math.log10(end / MOST_TICKS));
  const step = power * (STEPS.find((each) => end / (each * power) <= MOST_TICKS) ?? 10);
  const count = Math.ceil(Number((end / step).toPrecision(12)));
  // Multiplied, not summed: 0.1 + 0.2 is no round value.
  const ticks = Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
  const last = ticks.at(-1) ?? 1;
  return { ticks, at: (value) => (Math.min(Math.max(value, 0), last) / last) * pixels };
}
