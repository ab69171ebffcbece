import { stampFiles } from '../system/file-stamp.ts';

export type FileWatch = {
  /** Looks at the files now; resolves when what that led to is done. Done by itself every `LOOK_INTERVAL_MS`. */
  look(): Promise<void>;
  stop(): void;
};

export type FileWatchOptions = {
  /** Asked at each look, since a reload may have changed which files matter. */
  readonly files: () => readonly string[];
  readonly onChange: () => Promise<void>;
  /** Calls again and again; the function returned ends that. Left out: a timer that keeps no process alive. */
  readonly repeat?: (act: () => void, everyMs: number) => () => void;
};

/** A changed key or rule is in force some seconds later; a stat of some dozen files costs a fraction of a millisecond. */
const LOOK_INTERVAL_MS = 2000;

/**
 * Watches files by looking at their times, sizes, modes and inodes. A watcher of the system's would follow a file that an editor
 * has renamed away, and miss Kubernetes' swap of the `..data` link two folders up. A change counts once it has stood for
 * one look: certificate and key are two files, and an editor writes in several steps. How the files stand at first counts
 * as a change as well, since nobody knows whether they have changed after they were read.
 */
export function watchFiles(options: FileWatchOptions): FileWatch {
  const { files, onChange } = options;
  let inForce: string | undefined;
  let seen: string | undefined;
  let looking: Promise<void> | undefined;

  async function lookOnce(): Promise<void> {
    const stamp = await stampFiles(files());
    const stands = stamp === seen;
    seen = stamp;
    if (stamp === inForce || !stands) return;
    inForce = stamp;
    await onChange();
  }

  const look = (): Promise<void> => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const stop = (options.repeat ?? repeatByTimer)(() => void look(), LOOK_INTERVAL_MS);
  return { look, stop };
}

function repeatByTimer(act: () => void, everyMs: number): () => void {
  const timer = setInterval(act, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
