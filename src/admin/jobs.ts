/** Work that may take longer than anybody waits for an answer: asked for again until it is done. */
export type Jobs = {
  /** Starts it, or joins the one of this name that is under way; undefined: it still is, ask again. */
  ask<Result>(name: string, start: () => Promise<Result>): Promise<{ readonly result: Result } | undefined>;
};

/** At once; whoever asks for more waits for one of these. */
const MAX_JOBS = 4;

const LATE = Symbol('late');

/** @param waitMs how long one question waits: well below what an answer may take */
export function createJobs(waitMs: number): Jobs {
  const jobs = new Map<string, { readonly done: Promise<unknown>; isSettled: boolean }>();

  function begin(name: string, start: () => Promise<unknown>): void {
    const done = start();
    const job = { done, isSettled: false };
    // A result stays until it was asked for, and is no reason to refuse another.
    const settle = () => {
      job.isSettled = true;
    };
    done.then(settle, settle);
    jobs.set(name, job);
  }

  function hasRoom(): boolean {
    if (jobs.size < MAX_JOBS) return true;
    for (const [name, { isSettled }] of jobs) {
      if (isSettled) return jobs.delete(name);
    }
    return false;
  }

  return {
    async ask<Result>(name: string, start: () => Promise<Result>) {
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
