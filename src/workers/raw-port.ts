/**
 * One end of the pipe between the primary and a worker. What is sent must be plain data that `structuredClone` takes, and
 * arrives in order. It leads to the other process alone: tokens and signed links may go through it.
 */
export type RawPort = {
  /** Lost without a word where the other end is gone: `onClose` tells. */
  send(message: unknown): void;
  onMessage(handler: (message: unknown) => void): void;
  /** The other process has ended, or has let go. */
  onClose(handler: () => void): void;
};

/** A worker as the primary has it. */
export type WorkerProcess = RawPort & {
  readonly pid: number | undefined;
  /** SIGKILL: for one that does not answer any more, or does not end. */
  kill(): void;
};

/** Starts one. */
export type ForkWorker = () => WorkerProcess;
