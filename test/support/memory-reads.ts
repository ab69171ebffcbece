import { createMemoryReads, type MemoryReads } from '../../src/cache/memory-reads.ts';
import { openPageCache, type PageCache } from '../../src/cache/page-cache.ts';
import { DISK_AT_ONCE } from '../../src/cache/store-fs.ts';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.ts';

const EXT4_SUPER_MAGIC = 0xef53;
const SILENT = { debug() {}, info() {} };

/** As Berth has it: whatever this kernel and this file system do. */
export function realMemoryReads(metrics: Metrics = createMetrics()): MemoryReads {
  return createMemoryReads({ ...DISK_AT_ONCE, openPageCache, metrics, log: SILENT });
}

/** A disk with this page cache. */
export function memoryReadsOf(pageCache: PageCache, metrics: Metrics = createMetrics()): MemoryReads {
  return createMemoryReads({
    readSync: () => {
      throw new Error('a disk is never waited for');
    },
    fileSystemType: () => Promise.resolve(EXT4_SUPER_MAGIC),
    openPageCache: () => Promise.resolve({ kind: 'open', pageCache }),
    metrics,
    log: SILENT,
  });
}

/** Has what `has` says of each read, and of that what the file has; the kernel may give fewer bytes than it has. */
export function patchyPageCache(has: (position: number, length: number) => number): PageCache {
  return {
    holds: () => true,
    read(fd, buffer, position) {
      const part = buffer.subarray(0, Math.min(buffer.length, has(position, buffer.length)));
      return part.length === 0 ? 0 : DISK_AT_ONCE.readSync(fd, part, position);
    },
  };
}
