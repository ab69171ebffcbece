import { isPatient, type RunningWork, type WorkView } from './running-work.ts';

/** What stands still although nobody outside is to be waited for: such a process gets no better by itself. */
export type StuckKind = 'transfer' | 'fill' | 'disk' | 'buffers';
export const STUCK_KINDS = ['transfer', 'fill', 'disk', 'buffers'] as const satisfies readonly StuckKind[];

export type Stuck = {
  readonly kind: StuckKind;
  /** For the log: which one. */
  readonly what: string;
  readonly idleMs: number;
};

export type ProgressWatch = {
  /** What is stuck now, the longest first. */
  look(): readonly Stuck[];
};

export type ProgressWatchDeps = {
  readonly work: RunningWork;
  /** Buffers lent to connections, how many the budget allows, and how often one has come back. */
  readonly buffers: () => { readonly lent: number; readonly budget: number; readonly returns: number };
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number;
  /** Milliseconds without progress after which what waits for nobody outside is stuck; ten times that for what syncs a file. */
  readonly stuckMs: () => number;
  /** Milliseconds more for what waits for an upstream: as long as its own deadlines and its resumes may take. */
  readonly upstreamPatienceMs: () => number;
};

/**
 * Times the limit of other operations. A sync may find all of a blob, and what others have written, still on its way to the disk: at the
 * default ten minutes, 12 GB of it at 20 MB/s. A disk that hangs is told by its other operations before.
 */
const SYNC_FACTOR = 10;
const SYNCS: ReadonlySet<string> = new Set(['sync', 'datasync']);

/**
 * A client that takes its time is none of it, and neither is an upstream while its deadlines run: those end by themselves. What is
 * left has a fault of Berth's own or of its disk behind it.
 */
export function createProgressWatch(deps: ProgressWatchDeps): ProgressWatch {
  let returnsBefore = -1;
  let returnedAt = deps.now();

  function threshold(view: WorkView): number {
    const { kind, waitsFor } = view;
    if (isPatient(waitsFor)) return Number.POSITIVE_INFINITY;
    if (isSyncing(view)) return SYNC_FACTOR * deps.stuckMs();
    // A transfer's bytes come by way of an upstream or a fill, whatever else it says.
    const isOutside = waitsFor === 'upstream' || kind === 'transfer';
    return deps.stuckMs() + (isOutside ? deps.upstreamPatienceMs() : 0);
  }

  function stuckBuffers(): Stuck[] {
    const { lent, budget, returns } = deps.buffers();
    const isSpent = lent > 0 && lent >= budget;
    if (!isSpent || returns !== returnsBefore) {
      returnsBefore = returns;
      returnedAt = deps.now();
      return [];
    }
    const idleMs = deps.now() - returnedAt;
    // While clients take their time, so do their buffers.
    const isClients = deps.work.list().some(({ waitsFor }) => waitsFor === 'client');
    if (isClients || idleMs < deps.stuckMs()) return [];
    return [{ kind: 'buffers', what: `${lent} of ${budget} bytes`, idleMs }];
  }

  return {
    look() {
      const works = deps.work
        .list()
        .filter((view) => view.idleMs >= threshold(view))
        .map((view): Stuck => ({ kind: view.kind, what: describe(view), idleMs: view.idleMs }));
      return [...works, ...stuckBuffers()].toSorted((a, b) => b.idleMs - a.idleMs);
    },
  };
}

/** A fill waits for the disk when it is published. */
function isSyncing(view: WorkView): boolean {
  return view.kind === 'disk' ? SYNCS.has(view.operation) : view.kind === 'fill' && view.waitsFor === 'disk';
}

function describe(view: WorkView): string {
  return view.kind === 'disk' ? view.operation : `${view.registry} ${view.digest}`;
}
