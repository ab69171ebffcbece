import type { Logger } from 'pino';

import type { Metrics } from '../metrics/metrics.ts';
import { describeCode } from '../system/error-code.ts';
import type { OpenedPageCache, PageCache } from './page-cache.ts';
import { createReadTurns, type ReadTurns } from './read-turns.ts';

/** Reads of one open file that are answered at once, from memory, or not at all. */
export type ReadsNow = {
  /** Calls back when it is this reader's turn to `read`. */
  takeTurn(run: () => void): void;
  /**
   * Fills `buffer` from this position as far as the bytes are in memory. 0: not now, whatever the reason; the asynchronous read knows,
   * and has the errors.
   */
  read(buffer: Uint8Array, position: number): number;
};

export type OpenFile = {
  /** Below 0 once it is closed: the number may be another file's by then. */
  readonly fd: number;
};

/** Reads files of the cache from memory where their bytes are there: see docs/adr/0023-page-cache-reads.md. */
export type MemoryReads = {
  /**
   * How this file is read at once; undefined where its file system or this system does not let it.
   *
   * @param path of the file or a directory that it is in
   * @param device `st_dev` of the file
   */
  of(file: OpenFile, path: string, device: number): Promise<ReadsNow | undefined>;
};

export type MemoryReadsDeps = {
  readonly openPageCache: () => Promise<OpenedPageCache>;
  /** `f_type` of the file system that a path is on: statfs(2). */
  readonly fileSystemType: (path: string) => Promise<number>;
  readonly readSync: (fd: number, buffer: Uint8Array, position: number) => number;
  readonly metrics: Pick<Metrics, 'cacheReads'>;
  readonly log: Pick<Logger, 'debug' | 'info'>;
  readonly turns?: ReadTurns;
};

type ReadFile = (fd: number, buffer: Uint8Array, position: number) => number;

/** File systems that have no disk: a read of theirs copies memory, and fails with RWF_NOWAIT. */
const IN_MEMORY: ReadonlySet<number> = new Set([
  // TMPFS_MAGIC and RAMFS_MAGIC of statfs(2).
  0x01021994, 0x858458f6,
]);

/** Bytes that a vain look counts as: it takes a microsecond or two, and many may have to look in one turn. */
const LOOK_BYTES = 16 * 1024;

export function createMemoryReads(deps: MemoryReadsDeps): MemoryReads {
  const { metrics, log, turns = createReadTurns() } = deps;
  const count = {
    memory: metrics.cacheReads.handle({ from: 'memory' }),
    disk: metrics.cacheReads.handle({ from: 'disk' }),
  };
  /** One for the cache, and perhaps another where somebody has mounted something in it. */
  const devices = new Map<number, Promise<ReadFile | undefined>>();
  let opening: Promise<OpenedPageCache> | undefined;

  async function judge(path: string, file: OpenFile): Promise<ReadFile | undefined> {
    if (IN_MEMORY.has((await deps.fileSystemType(path)) >>> 0)) {
      log.debug({ path }, 'cached blobs lie in memory, and are read there');
      return readInMemory;
    }
    opening ??= deps.openPageCache();
    const opened = await opening;
    if (opened.kind === 'open' && opened.pageCache.holds(file.fd, 0, 1) !== undefined) {
      log.debug({ path }, 'cached blobs are read from the page cache where they are there');
      return (fd, buffer, position) => readCached(opened.pageCache, fd, buffer, position);
    }
    const reason = opened.kind === 'open' ? 'the kernel does not say what it has cached' : opened.reason;
    log.info({ reason }, 'cached blobs are read by threads, also where they are in memory');
    return undefined;
  }

  function readInMemory(fd: number, buffer: Uint8Array, position: number): number {
    try {
      return deps.readSync(fd, buffer, position);
    } catch {
      return 0;
    }
  }

  function judged(path: string, device: number, file: OpenFile): Promise<ReadFile | undefined> {
    const known = devices.get(device);
    if (known !== undefined) return known;
    const judging = judge(path, file).catch((error: unknown) => {
      // The next file may be luckier.
      devices.delete(device);
      log.debug({ path, error: describeCode(error) }, 'the file system of the cache can not be told');
      return undefined;
    });
    devices.set(device, judging);
    return judging;
  }

  return {
    async of(file, path, device) {
      const readFile = await judged(path, device, file);
      if (readFile === undefined) return undefined;
      return {
        takeTurn: (run) => turns.take(run),
        read(buffer, position) {
          const { fd } = file;
          const bytes = fd < 0 || buffer.length === 0 ? 0 : readFile(fd, buffer, position);
          turns.spend(bytes || LOOK_BYTES);
          count[bytes === 0 ? 'disk' : 'memory'].inc();
          return bytes;
        },
      };
    },
  };
}

/**
 * Looks first: asked for what it does not have, the kernel does not wait, but begins to read ahead, and a disk that hangs may keep
 * even that. Part of a read is no use, either: the thread would have to bring the rest.
 */
function readCached(pageCache: PageCache, fd: number, buffer: Uint8Array, position: number): number {
  return pageCache.holds(fd, position, buffer.length) === true ? pageCache.read(fd, buffer, position) : 0;
}
