import { spawnSync } from 'node:child_process';

const TIMEOUT_MS = 30_000;

/** Has a program read its own configuration; throws with what it says against it, warnings of HAProxy included. */
export function checkConfiguration(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  });
  if (status === 0) return;
  throw new Error(`${command} refuses its configuration (${args.join(' ')}):\n${stdout}${stderr}`, {
    cause: error,
  });
}
