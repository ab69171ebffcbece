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
 * Whom it waits for. `client`, `readers`: they take their time, which is nobody's fault here. `verdict`: a fill's, whose own work
 * tells whether it gets on. `upstream` has deadlines of its own; past them, as with all the others, it stands still.
 */
export type WaitsFor = 'client' | 'upstream' | 'disk' | 'buffers' | 'readers' | 'verdict';

const PATIENT: ReadonlySet<WaitsFor | undefined> = new Set<WaitsFor>(['client', 'readers', 'verdict']);

/** It is waited for as long as it takes. */
export function isPatient(waitsFor: WaitsFor | undefined): boolean {
  return PATIENT.has(waitsFor);
}

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

/**
 * @param now Unix milliseconds
 * @param steady milliseconds of a clock that is never set, since a jump is no idleness; asked with each chunk, so it must be cheap
 */
export function createRunningWork(
  now: () => number,
  steady: () => number = () => performance.now(),
): RunningWork {
  const running = new Set<Running>();
  return {
    begin(facts, waitsFor) {
      const work = new Running(facts, { now, steady }, waitsFor, () => running.delete(work));
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
  private readonly steady: () => number;
  private readonly askWaitsFor: (() => WaitsFor | undefined) | undefined;
  private readonly ended: () => void;
  private readonly since: number;
  private movedAt: number;
  private movedBytes = 0;
  private waitsFor: WaitsFor | undefined;
  private length: number | undefined;

  constructor(
    facts: WorkFacts,
    clock: { readonly now: () => number; readonly steady: () => number },
    askWaitsFor: (() => WaitsFor | undefined) | undefined,
    ended: () => void,
  ) {
    this.facts = facts;
    this.steady = clock.steady;
    this.askWaitsFor = askWaitsFor;
    this.ended = ended;
    this.since = clock.now();
    this.movedAt = clock.steady();
  }

  moved(bytes: number): void {
    this.movedBytes += bytes;
    this.movedAt = this.steady();
  }

  waits(waitsFor: WaitsFor | undefined): void {
    // Whoever has waited for a client is not behind from the moment that the client has taken something.
    if (isPatient(this.waitsFor) && !isPatient(waitsFor)) this.movedAt = this.steady();
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
    // What can be asked at any time does not tell when it changes: at a look is near enough.
    if (this.askWaitsFor !== undefined) this.waits(this.askWaitsFor());
    const { waitsFor } = this;
    const idleMs = this.steady() - this.movedAt;
    const view = { ...facts, since, movedBytes, idleMs, waitsFor };
    if (view.kind === 'disk' || this.length === undefined) return view;
    return { ...view, length: this.length };
  }
}
