import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import type { Test } from 'tap';
import { LINGER_MS } from '../../../src/blob/fill/fill-linger.ts';
import { createFills, type Fills, type FillsDeps } from '../../../src/blob/fill/fills.ts';
import { openSpoolFile } from '../../../src/blob/fill/spool-file.ts';
import type { BlobFailure, OpenedBlob } from '../../../src/blob/open-blob.ts';
import type { BlobStore } from '../../../src/cache/blob-store.ts';
import type { RangeSpec } from '../../../src/http/range.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { type BufferPool, createBufferPool } from '../../../src/upstream/buffer-pool.ts';
import type { Content } from '../../support/contract/blob-store.ts';
import { openTestStore } from '../../support/disk-store.ts';
import { realMemoryReads } from '../../support/memory-reads.ts';
import { createMemorySource, type MemorySource } from '../../support/memory-source.ts';

export const PIECE_BYTES = 4096;

export type FillScene = {
  readonly store: BlobStore;
  readonly directory: string;
  readonly pool: BufferPool;
  readonly fills: Fills;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** Spool files that readers hold open. */
  readonly files: { open: number };
  /** Fires every timer that is set: lingering is over. */
  fireTimers(): void;
  readonly timers: Set<() => void>;
  /** Milliseconds of each wait for something else, in order; they are over at once. */
  readonly waits: number[];
  source(content: Content, options?: Omit<Parameters<typeof createMemorySource>[1], 'pool'>): MemorySource;
  join(content: Content, source: MemorySource, wanted?: Wanted): ReturnType<Fills['join']>;
};

export type Wanted = {
  readonly range?: RangeSpec;
  readonly length?: number | undefined;
  readonly signal?: AbortSignal;
};

/** Fills over a disk store with pieces of 4 KiB and a clock that stands still. */
export async function openFillScene(
  t: Test,
  changes: Partial<FillsDeps> & {
    maxBytes?: number;
    /** Nobody lingers, either. */
    neverLingers?: boolean;
  } = {},
): Promise<FillScene> {
  const { maxBytes = 1024 * PIECE_BYTES, neverLingers = false, ...deps } = changes;
  // A second store would take the first one's directory away: a test has one.
  const { store, metrics, directory } =
    deps.store === undefined
      ? await openTestStore(t, { maxBytes, pieceBytes: PIECE_BYTES })
      : { store: deps.store as BlobStore, metrics: createMetrics(), directory: '' };
  const pool = createBufferPool(8 * 1024 * 1024);
  const files = { open: 0 };
  const timers = new Set<() => void>();
  const waits: number[] = [];
  const memoryReads = realMemoryReads(metrics);
  const fills = createFills({
    store,
    scope: 'contoso',
    pool,
    metrics,
    log: { warn() {}, error() {} },
    now: () => 0,
    random: () => 0.5,
    setTimer(milliseconds, fire) {
      // Whoever waits for a source that rests waits for a turn of the event loop here.
      if (milliseconds !== LINGER_MS || neverLingers) {
        waits.push(milliseconds);
        const turn = setImmediate(fire);
        return () => clearImmediate(turn);
      }
      timers.add(fire);
      return () => timers.delete(fire);
    },
    async openFile(path) {
      const file = await openSpoolFile(path, memoryReads);
      files.open += 1;
      return {
        read: (...args) => file.read(...args),
        now: file.now,
        close() {
          files.open -= 1;
          file.close();
        },
      };
    },
    ...deps,
  });
  t.teardown(() => fills.close());
  return {
    store,
    directory,
    pool,
    fills,
    metrics,
    files,
    timers,
    waits,
    fireTimers() {
      const due = [...timers];
      timers.clear();
      for (const fire of due) fire();
    },
    source: (content, options = {}) => createMemorySource(content.bytes, { pool, ...options }),
    join: (content, source, { range, signal, ...wanted } = {}) =>
      fills.join({
        digest: content.digest,
        source,
        range,
        knownLength: 'length' in wanted ? wanted.length : content.bytes.length,
        signal: signal ?? new AbortController().signal,
      }),
  };
}

/** How a read ended. */
export type ReadEnd =
  | { readonly kind: 'end'; readonly matches: boolean | undefined }
  | { readonly kind: 'failed'; readonly failure: BlobFailure };

/** What one reader got so far. */
export type Reading = {
  readonly blob: OpenedBlob;
  readonly bytes: () => Buffer;
  readonly ended: Promise<ReadEnd>;
};

/** Takes everything; `upTo`: pauses for good when it has this many bytes. */
export function read(pool: BufferPool, blob: OpenedBlob, upTo = Number.POSITIVE_INFINITY): Reading {
  const chunks: Buffer[] = [];
  let count = 0;
  const ended = new Promise<ReadEnd>((resolve) => {
    blob.pipe({
      data(chunk, slab) {
        chunks.push(Buffer.from(chunk));
        count += chunk.length;
        pool.unpin(slab);
        if (count >= upTo) blob.pause();
      },
      end() {
        const { verdict } = blob;
        if (verdict?.kind !== 'promised') {
          resolve({ kind: 'end', matches: verdict?.kind === 'proved' ? true : undefined });
          return;
        }
        verdict.matches().then(
          (matches) => resolve({ kind: 'end', matches }),
          (failure: BlobFailure) => resolve({ kind: 'failed', failure }),
        );
      },
      failed: (failure) => resolve({ kind: 'failed', failure }),
    });
  });
  return { blob, bytes: () => Buffer.concat(chunks), ended };
}

/** The opened blob of a join that must give one. */
export async function mustOpen(joined: ReturnType<Fills['join']>): Promise<OpenedBlob> {
  const result = await joined;
  if (result?.kind !== 'content') throw new Error(`no content: ${result?.kind ?? 'stream'}`);
  return result;
}

/** Milliseconds that a fact may take to come true: a disk that others use, too. */
const PATIENCE_MS = 20_000;

/** Turns of the event loop until it is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise(setImmediate);
  }
}

/** Nothing of any fill is left: no fill, no reader's file, no buffer, no descriptor below the store's directory. */
export async function nothingLeft(scene: FillScene): Promise<void> {
  await until(() => scene.fills.size === 0, 'the fills end');
  await until(() => scene.files.open === 0, 'the readers close their files');
  await until(() => scene.pool.bytes.lent === 0, 'the buffers come back');
}

export function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Descriptors of this process. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** How fills have ended, and how often. */
export async function outcomes({ metrics }: FillScene): Promise<Record<string, number>> {
  const lines = (await metrics.text()).matchAll(/^berth_fills_total\{result="(\w+)"\} (\d+)$/gm);
  const counts = Array.from(lines, ([, result = '', count]) => [result, Number(count)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}
