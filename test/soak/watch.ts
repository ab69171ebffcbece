import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sumOf } from '../e2e/replicas/replicas-scene.ts';
import type { Replica } from './fleet.ts';

/** What a replica holds at one moment. */
export type Held = {
  readonly at: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly descriptors: number;
  readonly connections: number;
  readonly bufferBytes: number;
  readonly fills: number;
  readonly partialBytes: number;
  readonly publishedBytes: number;
  readonly requests: number;
  readonly uploads: number;
};

export type Watch = {
  /** Of each replica since its last start. */
  samples(replica: Replica): readonly Held[];
  /** Moments in which a replica that was up was not ready, or had something that stood still. */
  readonly complaints: readonly string[];
  readonly looks: () => number;
  stop(): Promise<void>;
};

/** Milliseconds between two looks. */
const LOOK_MS = 2000;
/** Milliseconds for an answer: whether it comes is asked here, not how busy the machine is that all of the soak shares. */
const ANSWER_MS = 30_000;

export async function lookAt(replica: Replica): Promise<Held | undefined> {
  const pid = replica.pid();
  if (pid === undefined) return undefined;
  const [text, status, descriptors] = await Promise.all([
    fetchText(replica, '/metrics').then(({ body }) => body),
    readFile(`/proc/${pid}/status`, 'utf8'),
    readdir(`/proc/${pid}/fd`),
  ]);
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  return {
    at: Date.now(),
    rssBytes: kib * 1024,
    heapBytes: sumOf(text, 'nodejs_heap_size_used_bytes'),
    descriptors: descriptors.length,
    connections: sumOf(text, 'berth_connections_open'),
    bufferBytes: sumOf(text, 'berth_buffer_pool_bytes{state="in_use"'),
    fills: sumOf(text, 'berth_fills_in_flight'),
    partialBytes: sumOf(text, 'berth_cache_size_bytes{state="partial"'),
    publishedBytes: sumOf(text, 'berth_cache_size_bytes{state="published"'),
    requests: sumOf(text, 'berth_http_requests_in_flight'),
    uploads: sumOf(text, 'berth_shared_upload_queue_length'),
  };
}

/** Bytes that a replica's cache really has on disk, whatever it counts itself; 0 without one. */
export async function diskBytesOf(replica: Replica): Promise<number> {
  const entries = await readdir(replica.cacheDirectory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const files = entries.filter((entry) => entry.isFile());
  const blocks = await Promise.all(
    // What goes meanwhile has no bytes.
    files.map(({ parentPath, name }) =>
      stat(join(parentPath, name)).then(
        (of) => of.blocks,
        () => 0,
      ),
    ),
  );
  return blocks.reduce((sum, count) => sum + count, 0) * BLOCK_BYTES;
}

/** POSIX: `st_blocks` counts in these, whatever the file system. */
const BLOCK_BYTES = 512;

async function fetchText(replica: Replica, path: string): Promise<{ status: number; body: string }> {
  const signal = AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(`http://127.0.0.1:${replica.metricsPort}${path}`, { signal });
  return { status: answer.status, body: await answer.text() };
}

/** Looks at every replica again and again, past all links. */
export function startWatch(replicas: readonly Replica[], say: (text: string) => void): Watch {
  const samples = new Map<Replica, { pid: number; held: Held[] }>();
  const complaints: string[] = [];
  const stopping = new AbortController();
  let looks = 0;

  async function look(replica: Replica): Promise<void> {
    const pid = replica.pid();
    if (pid === undefined) return;
    const complain = (why: string) => {
      // Killed meanwhile, it is not to blame.
      if (replica.pid() !== pid) return;
      complaints.push(`${replica.name}: ${why}`);
      say(`${replica.name}: ${why}`);
    };
    try {
      const { status, body } = await fetchText(replica, '/readyz');
      if (status !== 200) complain(`/readyz ${status}: ${body.trim()}`);
      const held = await lookAt(replica);
      looks += 1;
      if (held === undefined || replica.pid() !== pid) return;
      const of = samples.get(replica);
      if (of?.pid === pid) of.held.push(held);
      else samples.set(replica, { pid, held: [held] });
    } catch (error) {
      complain(`does not answer: ${String(error)}`);
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await Promise.all(replicas.map(look));
      await sleep(LOOK_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  const running = run();
  return {
    samples: (replica) => samples.get(replica)?.held ?? [],
    complaints,
    looks: () => looks,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
