import type { LimitChange } from '../policy/client-limits.ts';

/** What clients have at all workers, so that each knows what they have at the others. */
export type LimitExchange = {
  /** One worker has said so. */
  told(worker: number, changes: readonly LimitChange[]): void;
  /** For a worker that begins. */
  total(): readonly LimitChange[];
  /** It has ended, and what its clients had with it. */
  left(worker: number): void;
};

/** @param tellOthers all workers but this one */
export function createLimitExchange(
  tellOthers: (worker: number, changes: readonly LimitChange[]) => void,
): LimitExchange {
  /** Of what is under way, by worker; requests that were taken are not. */
  const held = new Map<number, Map<string, LimitChange>>();

  function sums(): readonly LimitChange[] {
    return [...held.values()].flatMap((changes) => [...changes.values()]);
  }

  return {
    told(worker, changes) {
      const own = held.get(worker) ?? new Map<string, LimitChange>();
      held.set(worker, own);
      for (const { kind, key, by } of changes) {
        if (kind === 'requests') continue;
        const name = `${kind} ${key}`;
        const sum = (own.get(name)?.by ?? 0) + by;
        if (sum === 0) own.delete(name);
        else own.set(name, { kind, key, by: sum });
      }
      tellOthers(worker, changes);
    },
    total: sums,
    left(worker) {
      const own = held.get(worker);
      held.delete(worker);
      if (own === undefined || own.size === 0) return;
      tellOthers(
        worker,
        Array.from(own.values(), (change) => ({ ...change, by: -change.by })),
      );
    },
  };
}
