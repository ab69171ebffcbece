import type { ByteRange, RangeSpec } from '../http/range.ts';
import type { Digest } from '../oci/digest.ts';
import type { BufferPool, Slab } from '../upstream/buffer-pool.ts';
import { type LeastRate, type RateClock, RateWatch } from '../upstream/rate-watch.ts';
import { asFailure } from './as-failure.ts';
import { createFingerprints, type Fingerprint } from './fingerprint.ts';
import { createVerifier, type Verifier } from './hold-back.ts';
import { LocalFailure } from './local-failure.ts';
import type { BlobContent, BlobFailure, BlobSink, OpenedBlob, OpenResult, Verdict } from './open-blob.ts';
import { WrongContent } from './wrong-content.ts';

export type FallOverOptions = {
  readonly digest: Digest;
  /** Opens the same blob elsewhere: the source has it, too. Called at most once. */
  readonly open: (range: RangeSpec | undefined) => Promise<OpenResult>;
  readonly pool: BufferPool;
  /** What the disk has to bring; left out: it waits for nobody but the client. */
  readonly leastRate?: LeastRate;
  /** For tests. */
  readonly rateClock?: RateClock;
};

/** Of a fill, which waits for its source. */
export const NO_LEAST_RATE: LeastRate = { bytesPerSecond: 0, windowMs: 0 };
/** A disk that brings less hangs (K10). */
const DISK_LEAST_RATE: LeastRate = { bytesPerSecond: 1, windowMs: 10_000 };

/**
 * A stored blob, one that is being filled, or a range of it, whose rest comes from elsewhere where the disk fails or hangs amid it; the client sees one body.
 *
 * A range goes on at the byte where it stopped. The whole is had anew from its first byte, and what was sent already is
 * dropped: what is to be complete must be proved, and the rest of it alone proves nothing (D9). Where what was sent had not been
 * proved either, what is dropped must be the same.
 */
export function fallOver(stored: OpenedBlob, options: FallOverOptions): OpenedBlob {
  const { completeLength, range } = stored;
  const isWhole = stored.length === completeLength;
  const content = new FallOverContent(stored, options, isWhole);
  const verdict: Verdict = isWhole
    ? { kind: 'promised', matches: () => content.matches() }
    : { kind: 'proved' };
  return {
    kind: 'content',
    completeLength,
    range,
    length: stored.length,
    verdict,
    pipe: (sink) => content.pipe(sink),
    pause: () => content.pause(),
    resume: () => content.resume(),
    cancel: () => content.cancel(),
  };
}

class FallOverContent implements BlobContent, BlobSink {
  readonly length: number;
  private readonly stored: OpenedBlob;
  private readonly options: FallOverOptions;
  private readonly isWhole: boolean;
  private sink: BlobSink | undefined;
  /** What flows now; undefined between the two. */
  private current: OpenedBlob | undefined;
  private rest: OpenedBlob | undefined;
  private verifier: Verifier | undefined;
  private hasFallenOver = false;
  private delivered = 0;
  /** Bytes of the rest that were sent before. */
  private skip = 0;
  /** Of what was sent and of what is dropped; undefined where the former is proved, or nobody proves anything. */
  private readonly fingerprints: readonly [Fingerprint, Fingerprint] | undefined;
  private paused = false;
  private cancelled = false;
  /** Of the disk. */
  private readonly rate: RateWatch;

  constructor(stored: OpenedBlob, options: FallOverOptions, isWhole: boolean) {
    this.stored = stored;
    this.current = stored;
    this.options = options;
    this.isWhole = isWhole;
    this.length = stored.length;
    this.fingerprints = isWhole && stored.verdict?.kind === 'promised' ? createFingerprints() : undefined;
    this.rate = new RateWatch(options.leastRate ?? DISK_LEAST_RATE, () => this.hangs(), options.rateClock);
  }

  pipe(sink: BlobSink): void {
    this.sink = sink;
    const { stored } = this;
    this.rate.resume();
    stored.pipe({
      data: (chunk, slab) => {
        // One that hung may come back.
        if (this.current !== stored) {
          this.options.pool.unpin(slab);
          return;
        }
        this.rate.moved(chunk.length);
        this.fingerprints?.[0].update(chunk);
        this.data(chunk, slab);
      },
      end: () => {
        this.rate.end();
        if (this.current === stored) this.end();
      },
      failed: (failure) => {
        this.rate.end();
        if (this.current === stored) this.failed(failure);
      },
    });
  }

  pause(): void {
    this.paused = true;
    this.rate.pause();
    this.current?.pause();
  }

  resume(): void {
    this.paused = false;
    this.rate.resume();
    this.current?.resume();
  }

  cancel(): void {
    this.cancelled = true;
    this.rate.end();
    this.current?.cancel();
  }

  private hangs(): void {
    // What it was asked for it keeps, with the buffer, until it has that.
    this.stored.cancel();
    this.failed(new LocalFailure('the disk does not answer'));
  }

  data(chunk: Buffer, slab: Slab | undefined): void {
    this.verifier?.update(chunk);
    const skipped = Math.min(this.skip, chunk.length);
    if (skipped > 0 && !this.drop(chunk.subarray(0, skipped))) {
      this.options.pool.unpin(slab);
      this.sink?.failed(new WrongContent('the source has other bytes than those that were sent of a blob'));
      return;
    }
    this.delivered += chunk.length - skipped;
    if (skipped === chunk.length) this.options.pool.unpin(slab);
    else this.sink?.data(skipped === 0 ? chunk : chunk.subarray(skipped), slab);
  }

  /** False: others were sent in their place. */
  private drop(chunk: Buffer): boolean {
    this.skip -= chunk.length;
    if (this.fingerprints === undefined) return true;
    const [sent, dropped] = this.fingerprints;
    dropped.update(chunk);
    if (this.skip > 0 || sent.value().equals(dropped.value())) return true;
    this.cancel();
    return false;
  }

  end(): void {
    this.sink?.end();
  }

  failed(failure: BlobFailure): void {
    if (this.cancelled) return;
    // Only the disk: what went over once has no third place.
    if (this.hasFallenOver || failure.kind !== 'internal_error') {
      this.sink?.failed(failure);
      return;
    }
    if (this.delivered === this.length) {
      this.current = undefined;
      this.sink?.end();
      return;
    }
    this.goElsewhere();
  }

  private goElsewhere(): void {
    this.hasFallenOver = true;
    this.current = undefined;
    this.options.open(this.restRange()).then(
      (opened) => this.goOn(opened),
      (error: unknown) => {
        if (this.cancelled) return;
        this.sink?.failed(asFailure(error, 'the rest of a stored blob could not be opened'));
      },
    );
  }

  /** Of the whole alone. */
  async matches(): Promise<boolean> {
    const { verdict } = this.rest ?? this.stored;
    if (this.verifier !== undefined) return this.verifier.matches();
    if (verdict?.kind !== 'promised') return verdict?.kind === 'proved';
    try {
      return await verdict.matches();
    } catch (error) {
      // A client that has left has no verdict, either.
      if (this.hasFallenOver || this.cancelled || !(error instanceof LocalFailure)) throw error;
      return this.proveElsewhere();
    }
  }

  /** All was sent but what waits for the verdict, and the disk failed before that: what comes now is for it alone. */
  private proveElsewhere(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.sink = {
        data: (_, slab) => this.options.pool.unpin(slab),
        end: () => resolve(this.matches()),
        failed: (failure) => (failure.kind === 'digest_mismatch' ? resolve(false) : reject(failure)),
      };
      this.goElsewhere();
    });
  }

  private restRange(): RangeSpec | undefined {
    if (this.isWhole) return undefined;
    const { firstPos, lastPos } = this.range();
    return { kind: 'int', firstPos: firstPos + this.delivered, lastPos };
  }

  private range(): ByteRange {
    return this.stored.range ?? { firstPos: 0, lastPos: this.stored.completeLength - 1 };
  }

  private goOn(opened: OpenResult): void {
    const { completeLength } = this.stored;
    if (this.cancelled) {
      if (opened.kind === 'content') opened.cancel();
      return;
    }
    const wanted = this.isWhole ? completeLength : this.length - this.delivered;
    if (opened.kind !== 'content' || opened.completeLength !== completeLength || opened.length !== wanted) {
      if (opened.kind === 'content') opened.cancel();
      this.sink?.failed(new LocalFailure('the source has not as many bytes of the blob as were stored'));
      return;
    }
    this.skip = this.isWhole ? this.delivered : 0;
    if (this.isWhole && opened.verdict === undefined) {
      this.verifier = createVerifier(this.options.digest, completeLength);
    }
    this.rest = opened;
    this.current = opened;
    opened.pipe(this);
    if (this.paused) opened.pause();
  }
}
