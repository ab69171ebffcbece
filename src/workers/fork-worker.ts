import { fork } from 'node:child_process';
import type { WorkerProcess } from './raw-port.ts';

/** A debugger's port is one process's: workers are looked at one by one, with SIGUSR1's inspector off as in the primary. */
const DEBUGGER = /^--inspect/;

/**
 * Another process of this program as a worker: its command line says nothing but that it is one, and everything else comes by
 * the pipe.
 *
 * @param entry file that the program was started by
 */
export function forkWorker(entry: string, execArgv: readonly string[]): WorkerProcess {
  const child = fork(entry, [WORKER_COMMAND], {
    serialization: 'advanced',
    execArgv: execArgv.filter((flag) => !DEBUGGER.test(flag)),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let isGone = false;
  const closing: (() => void)[] = [];
  function gone(): void {
    if (isGone) return;
    isGone = true;
    for (const handler of closing) handler();
  }
  // What it has said last may still be in the pipe when the system tells of its end.
  const hasEnded = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const look = (): void => {
    if (hasEnded() && !child.connected) gone();
  };
  child.on('exit', look);
  // One without the pipe is of no use.
  child.on('disconnect', () => {
    if (!hasEnded()) child.kill('SIGKILL');
    look();
  });
  // It could not be started at all, or the pipe broke.
  child.on('error', () => {
    if (child.pid === undefined) gone();
    else child.kill('SIGKILL');
  });
  return {
    pid: child.pid,
    send: (message) => {
      // Failures are told by `exit`.
      if (child.connected) child.send(message as never, () => undefined);
    },
    onMessage: (handler) => child.on('message', handler),
    onClose: (handler) => void closing.push(handler),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Not a command for people, and in no help text. */
export const WORKER_COMMAND = 'serve-as-worker';
