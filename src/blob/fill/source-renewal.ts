import { UpstreamFailure } from '../../upstream/failure.ts';
import type { BlobSource } from '../blob-source.ts';
import { createResumePolicy, type ResumeLimits } from '../resume.ts';
import type { FillDeps } from './fill-deps.ts';

/** A source that may be renewed. */
export type RenewableSource = { readonly source: BlobSource; canRenew: boolean };

/** Asks for a fresh source of a fill's blob, once at a time: all of its sources are the same blob. */
export type SourceRenewal = {
  readonly isPossible: boolean;
  readonly isUnderWay: boolean;
  /** Does nothing where one is under way, or none is possible. `hasFailed`: see `BlobSource.renew`. */
  start(afterMs: number, hasFailed: boolean): void;
  /** Bytes have come: the last renewal was worth it. */
  progressed(): void;
  stop(): Promise<void>;
};

export type RenewalEvents = {
  /** To be asked in this order. */
  candidates(): readonly RenewableSource[];
  renewed(source: BlobSource): void;
  failed(failure: UpstreamFailure): void;
  ended(): void;
};

/** Fresh sources in a row that brought nothing: whatever is wrong, it is not the signature. */
const MAX_FRUITLESS = 3;

export function createSourceRenewal(
  deps: Pick<FillDeps, 'now' | 'random' | 'setTimer'> & { readonly limits: ResumeLimits },
  events: RenewalEvents,
): SourceRenewal {
  const stopping = new AbortController();
  let policy = createResumePolicy(deps);
  let fruitless = 0;
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;

  const isPossible = (): boolean =>
    !stopping.signal.aborted && fruitless < MAX_FRUITLESS && events.candidates().length > 0;

  async function wait(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    await new Promise<void>((resolve) => {
      const cancel = deps.setTimer(milliseconds, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
    wake = undefined;
  }

  /** Whether there is a fresh one. */
  async function ask(candidate: RenewableSource, hasFailed: boolean): Promise<boolean> {
    try {
      const fresh = await candidate.source.renew?.(stopping.signal, hasFailed);
      candidate.canRenew = false;
      if (fresh === undefined || stopping.signal.aborted) return false;
      fruitless += 1;
      events.renewed(fresh);
      return true;
    } catch (error) {
      if (stopping.signal.aborted || !(error instanceof UpstreamFailure)) {
        candidate.canRenew = false;
        return false;
      }
      events.failed(error);
      const step = policy.next(error, { bytes: 0, renewable: false });
      if (step.kind === 'give_up') candidate.canRenew = false;
      else await wait(step.afterMs);
      return false;
    }
  }

  async function run(afterMs: number, hasFailed: boolean): Promise<void> {
    await wait(afterMs);
    while (!stopping.signal.aborted) {
      const candidate = events.candidates()[0];
      if (candidate === undefined || (await ask(candidate, hasFailed))) break;
    }
  }

  return {
    get isPossible() {
      return isPossible();
    },
    get isUnderWay() {
      return running !== undefined;
    },
    start(afterMs, hasFailed) {
      if (running !== undefined || !isPossible()) return;
      running = run(afterMs, hasFailed).finally(() => {
        running = undefined;
        if (!stopping.signal.aborted) events.ended();
      });
    },
    progressed() {
      if (fruitless === 0) return;
      fruitless = 0;
      policy = createResumePolicy(deps);
    },
    async stop() {
      stopping.abort(new UpstreamFailure('connection_terminated', 'storage', 'the fill has ended'));
      wake?.();
      await running;
    },
  };
}
