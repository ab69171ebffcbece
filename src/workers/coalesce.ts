/**
 * One run at a time. Who asks while one is under way is given the next, with all others who do: what a run finds may be older
 * than the question.
 */
export function coalesce<T>(act: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;

  function run(): Promise<T> {
    if (running === undefined) {
      running = act().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return run();
      });
    return next;
  }

  return run;
}
