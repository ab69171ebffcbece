import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export type StoreProcess = {
  /** The lines it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves when it has printed so many lines. */
  reaches(count: number): Promise<void>;
  /** Ends it as a power cut would its memory: at once, wherever it is. */
  kill(): Promise<void>;
};

/** What the process in `store-child.ts` is told. */
export type StoreJob = {
  readonly directory: string;
  /** `hold` opens the store and waits; `fill` fills and publishes blobs without end. */
  readonly mode: 'hold' | 'fill';
  /** Of the blobs' bytes. */
  readonly seed?: number;
};

/** Starts another process on a store; resolves when it has opened it. */
export async function startStoreProcess(t: Pick<Test, 'teardown'>, job: StoreJob): Promise<StoreProcess> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('store-child.ts', import.meta.url)), JSON.stringify(job)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { NODE_COMPILE_CACHE: join(tmpdir(), 'berth-test-compile-cache') },
    },
  );
  const ended = once(child, 'exit');
  let waiting: { count: number; resolve(): void; reject(error: Error): void } | undefined;
  const lines: string[] = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    if (waiting !== undefined && lines.length >= waiting.count) waiting.resolve();
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  void ended.then(() =>
    waiting?.reject(new Error(`the store's process ended by itself after: ${lines.at(-1)}`)),
  );
  const reaches = async (count: number) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting = { count, resolve, reject };
    if (lines.length >= count) resolve();
    await promise;
  };
  await reaches(1);
  return { lines, reaches, kill };
}
