/** What is under way, each with when it moved last: for the console, and for readiness, which means progress. */
export type RunningWork = {
  /** @param waitsFor asked when somebody looks, for work that knows it at any time; `Work.waits` says it otherwise */
  begin(facts: WorkFacts, waitsFor?: () => WaitsFor | undefined): Work;
  /** What is under way now, the oldest first. */
  list(): readonly WorkView[];
  /** How many of one kind. */
  count(kind: WorkFacts['kind']): number;
};

export type WorkFacts =
  | {
      /** A blob, or a range of one, on its way to a client. */
      readonly kind: 'transfer';
      readonly registry: string;
      readonly digest: string;
      /** The client's network, as `clientNetwork` gives it. */
      readonly client: string;
      /** Bytes that it will have; undefined: not known yet. */
      readonly length: number | undefined;
    }
  | {
      /** A blob on its way to the disk cache. */
      readonly kind: 'fill';
      readonly registry: string;
      readonly digest: string;
      readonly length: number | undefined;
    }
  /** One operation of the cache's disk. */
  | { readonly kind: 'disk'; readonly operation: string };

/**
 * Whom it waits for. `client`: the peer takes its time, which is nobody's fault here. `upstream` has deadlines of its own; past
 * them, as with all the others, it stands still.
 */
export type WaitsFor = 'client' | 'upstream' | 'disk' | 'buffers' | 'readers';

export type Work = {
  /** So many bytes more; 0: it does something, whatever that is. */
  moved(bytes: number): void;
  waits(waitsFor: WaitsFor | undefined): void;
  /** Its length, known later than its beginning. */
  learn(length: number): void;
  end(): void;
};

export type WorkView = WorkFacts & {
  /** Unix milliseconds. */
  readonly since: number;
  readonly movedBytes: number;
  /** Milliseconds without a byte. */
  readonly idleMs: number;
  readonly waitsFor: WaitsFor | undefined;
};

/** @param now Unix milliseconds; asked with each chunk, so it must be cheap */
export function createRunningWork(now: () => number): RunningWork {
  const running = new Set<Running>();
  return {
    begin(facts, waitsFor) {
      const work = new Running(facts, now, waitsFor, () => running.delete(work));
      running.add(work);
      return work;
    },
    list: () => Array.from(running, (work) => work.view()),
    count: (kind) => {
      let count = 0;
      for (const { facts } of running) if (facts.kind === kind) count += 1;
      return count;
    },
  };
}

class Running implements Work {
  readonly facts: WorkFacts;
  private readonly now: () => number;
  private readonly askWaitsFor: (() => WaitsFor | undefined) | undefined;
  private readonly ended: () => void;
  private readonly since: number;
  private movedAt: number;
  private movedBytes = 0;
  private waitsFor: WaitsFor | undefined;
  private length: number | undefined;

  constructor(
    facts: WorkFacts,
    now: () => number,
    askWaitsFor: (() => WaitsFor | undefined) | undefined,
    ended: () => void,
  ) {
    this.facts = facts;
    this.now = now;
    this.askWaitsFor = askWaitsFor;
    this.ended = ended;
    this.since = now();
    this.movedAt = this.since;
  }

  moved(bytes: number): void {
    this.movedBytes += bytes;
    this.movedAt = this.now();
  }

  waits(waitsFor: WaitsFor | undefined): void {
    // Whoever has waited for a client is not behind from the moment that the client has taken something.
    if (this.waitsFor === 'client' && waitsFor !== 'client') this.movedAt = this.now();
    this.waitsFor = waitsFor;
  }

  learn(length: number): void {
    this.length = length;
  }

  end(): void {
    this.ended();
  }

  view(): WorkView {
    const { facts, since, movedBytes } = this;
    const waitsFor = this.askWaitsFor?.() ?? this.waitsFor;
    const idleMs = this.now() - this.movedAt;
    const view = { ...facts, since, movedBytes, idleMs, waitsFor };
    if (view.kind === 'disk' || this.length === undefined) return view;
    return { ...view, length: this.length };
  }
}
