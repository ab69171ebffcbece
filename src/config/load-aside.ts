import { type EventEmitter, once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { LoadResult } from './check-config.ts';
import type { Config, RegistryConfig } from './config.ts';
import type { LoadInput } from './load.ts';
import type { Problem } from './problem.ts';

/** What the thread says, in this order. */
export type LoadedPart =
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  /** Without its registries, which follow. */
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'registries'; readonly registries: readonly RegistryConfig[] }
  | { readonly kind: 'end' };

/** As much of a thread as is needed here. */
export type LoadThread = EventEmitter & Pick<Worker, 'postMessage' | 'terminate'>;

export type LoadAsideDeps = {
  readonly startThread: (input: LoadInput) => LoadThread;
  /** Aborts when whoever waits has waited long enough. */
  readonly deadline: AbortSignal;
};

/** The longest file there may be (4 MiB) takes some seconds of CPU, and a container may have a tenth of a core. */
const DEADLINE_MS = 120_000;

/**
 * The same as `loadConfig`, in a thread of its own: what is under way here is not held up, and what reading YAML takes of
 * memory goes with the thread. To start one takes some 50 ms.
 *
 * @throws Error where the thread could not be started, or takes longer than two minutes
 */
export async function loadConfigAside(
  { text, fileName, env }: LoadInput,
  { startThread = startLoadThread, deadline = AbortSignal.timeout(DEADLINE_MS) }: Partial<LoadAsideDeps> = {},
): Promise<LoadResult> {
  const thread = startThread({ text, fileName, env: own(env) });
  const ended = new AbortController();
  // For as long as there is the thread: an error that nobody hears would end the process, also one after the deadline.
  thread.on('error', (error) => ended.abort(error));
  thread.on('exit', () =>
    ended.abort(
      new Error(`what reads ${fileName} ended before it was done: try again, or give Berth more memory`),
    ),
  );
  try {
    return await collect(thread, AbortSignal.any([deadline, ended.signal]));
  } catch (error) {
    if (ended.signal.aborted) throw ended.signal.reason;
    if (!deadline.aborted) throw error;
    throw new Error(
      `the configuration ${fileName} could not be read within ${DEADLINE_MS / 1000} s: give Berth more CPU, or divide the registries between several`,
      { cause: error },
    );
  } finally {
    await thread.terminate();
  }
}

function startLoadThread(workerData: LoadInput): LoadThread {
  // The sources have another ending than what is published.
  const file = new URL(`./load-thread${extname(import.meta.filename)}`, import.meta.url);
  return new Worker(file, { workerData });
}

async function collect(thread: LoadThread, signal: AbortSignal): Promise<LoadResult> {
  let config: Config | undefined;
  const registries: RegistryConfig[] = [];
  for (;;) {
    const answered = once(thread, 'message', { signal });
    thread.postMessage('next', []);
    const [part] = (await answered) as [LoadedPart];
    switch (part.kind) {
      case 'problems':
        return part;
      case 'config':
        config = part.config;
        break;
      case 'registries':
        registries.push(...part.registries);
        break;
      case 'end':
        return { kind: 'ok', config: { ...(config as Config), registries } };
    }
  }
}

/** The thread needs no more of the environment, and has no use for secrets. */
function own(env: LoadInput['env']): LoadInput['env'] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('BERTH_')));
}
