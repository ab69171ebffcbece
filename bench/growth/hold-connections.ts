import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Opens idle connections to `url`, in a process of its own; the returned function closes them and waits for that. */
export async function holdConnections(url: string, count: number): Promise<() => Promise<void>> {
  if (count === 0) return async () => {};
  const { host, port, pathname } = new URL(url);
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'idle-connections.ts'), ...[host, port, pathname, count].map(String)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const opened = await Promise.race([once(child.stdout, 'data').then(() => true), exited.then(() => false)]);
  if (!opened) throw new Error(`${count} connections could not be opened`);
  return async () => {
    child.stdin.end();
    const [code]: unknown[] = await exited;
    if (code !== 0) throw new Error('not all connections stayed open');
  };
}
