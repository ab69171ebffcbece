import { describeCode } from '../system/error-code.ts';

/** What the kernel holds of open files in memory. Neither call waits for a disk. */
export type PageCache = {
  /** Every byte of this range is in memory; undefined where the kernel does not say. */
  holds(fd: number, position: number, length: number): boolean | undefined;
  /** Reads what is in memory; 0 where that is nothing, at the end of the file, and where the file system can not tell. */
  read(fd: number, buffer: Uint8Array, position: number): number;
};

export type OpenedPageCache =
  | { readonly kind: 'open'; readonly pageCache: PageCache }
  | { readonly kind: 'unavailable'; readonly reason: string };

export type Platform = {
  readonly platform: string;
  readonly arch: string;
  readonly nodeVersion: string;
};

const OWN: Platform = {
  platform: process.platform,
  arch: process.arch,
  nodeVersion: process.versions.node,
};

/** preadv2(2): fail rather than wait for what is not in memory. */
const RWF_NOWAIT = 8;
/** cachestat(2), Linux 6.5; the same number on each architecture. libc has no function for it. */
const SYS_CACHESTAT = 451n;
/** Fields of `struct cachestat`, 64 bits each; `nr_cache` is the first. */
const CACHESTAT_FIELDS = 5;
/** The first whose `node:ffi` this was tested with; earlier ones had faults in calls that had been optimized (nodejs/node#64638). */
const NODE_MAJOR = 26;
const NODE_MINOR = 10;

/**
 * The page cache by `node:ffi`, the only place where Berth calls what is not JavaScript: every pointer here is to memory that is
 * referenced for as long as the call takes, and every length is that of the view it belongs to. Linux with 64 bits,
 * little-endian, alone: the layout of `iovec` and of `syscall`'s arguments.
 */
export async function openPageCache(platform: Platform = OWN): Promise<OpenedPageCache> {
  const unfit = findUnfit(platform);
  if (unfit !== undefined) return { kind: 'unavailable', reason: unfit };
  try {
    // Not before it is needed: it takes memory, and Node warns that it is experimental.
    const ffi = await import('node:ffi');
    return { kind: 'open', pageCache: createPageCache(ffi) };
  } catch (error) {
    return { kind: 'unavailable', reason: `node:ffi can not be used (${describeCode(error)})` };
  }
}

function findUnfit({ platform, arch, nodeVersion }: Platform): string | undefined {
  if (platform !== 'linux') return `the system is ${platform}, not Linux`;
  if (arch !== 'x64' && arch !== 'arm64') return `the processor is ${arch}, neither x64 nor arm64`;
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const isTested = major > NODE_MAJOR || (major === NODE_MAJOR && minor >= NODE_MINOR);
  return isTested ? undefined : `Node is ${nodeVersion}, older than ${NODE_MAJOR}.${NODE_MINOR}`;
}

function createPageCache(ffi: typeof import('node:ffi')): PageCache {
  const { functions: libc } = ffi.dlopen(null, {
    preadv2: { return: 'int64', arguments: ['int32', 'pointer', 'int32', 'int64', 'int32'] },
    syscall: { return: 'int64', arguments: ['int64', 'int64', 'pointer', 'pointer', 'int64'] },
    getpagesize: { return: 'int32', arguments: [] },
  });
  const pageBytes = libc.getpagesize();
  // Each with an ArrayBuffer of its own: what V8 keeps on its heap may be moved.
  const range = new BigUint64Array(new ArrayBuffer(2 * 8));
  const counts = new BigUint64Array(new ArrayBuffer(CACHESTAT_FIELDS * 8));
  const iovec = new BigUint64Array(new ArrayBuffer(2 * 8));

  return {
    holds(fd, position, length) {
      range[0] = BigInt(position);
      range[1] = BigInt(length);
      if (libc.syscall(SYS_CACHESTAT, BigInt(fd), range, counts, 0n) !== 0n) return undefined;
      const firstPage = Math.floor(position / pageBytes);
      const lastPage = Math.floor((position + length - 1) / pageBytes);
      return Number(counts[0]) === lastPage - firstPage + 1;
    },
    read(fd, buffer, position) {
      // Of a buffer that was given away nothing is left.
      if (buffer.byteLength === 0) return 0;
      iovec[0] = ffi.getRawPointer(buffer);
      iovec[1] = BigInt(buffer.byteLength);
      const bytes = Number(libc.preadv2(fd, iovec, 1, BigInt(position), RWF_NOWAIT));
      return Math.max(0, bytes);
    },
  };
}
