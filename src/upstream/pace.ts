/**
 * How fast bytes pass a place, as a mean over about the last second: how large a slab the next bytes are worth.
 *
 * A mean, not the time of the last write: the kernel takes the first megabytes for the slowest client at once, and later a megabyte
 * whenever so much has drained. Whoever asks how long the last write took sees a fast client in between, and gives it a
 * large slab that then stands still.
 */
export class Pace {
  /** Bytes that have passed, those of `MEAN_MS` ago counting for a third. */
  private recent = 0;
  private at = 0;

  /** @param now milliseconds of a clock that never goes back */
  note(bytes: number, now: number): void {
    this.recent = this.fading(now) + bytes;
    this.at = now;
  }

  /** Bytes that pass in `SLAB_MS`. */
  slabBytes(now: number): number {
    return this.fading(now) * (SLAB_MS / MEAN_MS);
  }

  private fading(now: number): number {
    return this.recent * Math.exp((this.at - now) / MEAN_MS);
  }
}

/** Milliseconds. What the kernel takes at once, 4 MiB, shall not make anybody fast. */
const MEAN_MS = 1000;
/** Milliseconds that a slab should take: 1 MiB at 20 MiB/s, 64 KiB below 2.5 MiB/s. */
const SLAB_MS = 50;
