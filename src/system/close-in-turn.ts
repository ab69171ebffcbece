import { setTimeout as sleep } from 'node:timers/promises';

export type CloseStep = readonly [what: string, close: () => Promise<unknown>];

export type CloseDeps = {
  /** Milliseconds for each of them. */
  readonly withinMs: number;
  /** Told of what could not be closed, or not in time; `error` is undefined then. */
  readonly onFailure: (what: string, error: unknown) => void;
};

/** Closes one after the other. One that fails or hangs, as a disk may, keeps none of the others open. Never rejects. */
export async function closeInTurn(
  steps: readonly CloseStep[],
  { withinMs, onFailure }: CloseDeps,
): Promise<void> {
  for (const [what, close] of steps) {
    const done = new AbortController();
    const late = sleep(withinMs, 'late', { signal: done.signal }).catch(() => 'done');
    try {
      if ((await Promise.race([close(), late])) === 'late') onFailure(what, undefined);
    } catch (error) {
      onFailure(what, error);
    }
    done.abort();
  }
}
