/** Work that may take longer than anybody waits for an answer: asked for again until it is done. */
export type Jobs = {
  /** Starts it, or joins the one of this name that is under way; undefined: it still is, ask again. */
  ask<Result>(name: string, start: () => Promise<Result>): Promise<{ readonly result: Result } | undefined>;
};

/** At once; whoever asks for more waits for one of these. */
const MAX_JOBS = 4;

/**
 * How long a result waits for being asked for. Whoever is told that it is still running comes back at once; who comes later
 * asks about what is there then.
 */
const RESULT_MS = 30_000;

const LATE = Symbol('late');

/**
 * @param waitMs how long one question waits: well below what an answer may take
 * @param now milliseconds, of a clock that does not go back
 */
export function createJobs(waitMs: number, now: () => number = () => performance.now()): Jobs {
  const jobs = new Map<string, { readonly done: Promise<unknown>; settledAt: number | undefined }>();

  function begin(name: string, start: () => Promise<unknown>): void {
    const done = start();
    const job: { done: Promise<unknown>; settledAt: number | undefined } = { done, settledAt: undefined };
    // A result stays until it was asked for, and is no reason to refuse another.
    const settle = () => {
      job.settledAt = now();
    };
    done.then(settle, settle);
    jobs.set(name, job);
  }

  function hasRoom(): boolean {
    if (jobs.size < MAX_JOBS) return true;
    for (const [name, { settledAt }] of jobs) {
      if (settledAt !== undefined) return jobs.delete(name);
    }
    return false;
  }

  function dropOld(name: string): void {
    const settledAt = jobs.get(name)?.settledAt;
    if (settledAt !== undefined && now() - settledAt > RESULT_MS) jobs.delete(name);
  }

  return {
    async ask<Result>(name: string, start: () => Promise<Result>) {
      dropOld(name);
      if (!jobs.has(name) && hasRoom()) begin(name, start);
      const job = jobs.get(name);
      const late = Promise.withResolvers<typeof LATE>();
      const timer = setTimeout(() => late.resolve(LATE), waitMs);
      try {
        // Where there is no room, the question waits all the same: it comes again at once.
        const result = await Promise.race([late.promise, ...(job === undefined ? [] : [job.done])]);
        if (result === LATE) return undefined;
        jobs.delete(name);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a name is one kind of job
        return { result: result as Result };
      } catch (error) {
        jobs.delete(name);
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
