import { close, fstat, open, read } from 'node:fs';
import type { MemoryReads, ReadsNow } from '../../cache/memory-reads.ts';

/** A reader's own open file: it stays readable whatever becomes of its name. */
export type SpoolFile = {
  read(buffer: Uint8Array, position: number, done: (error: Error | null, bytes: number) => void): void;
  /** Of what is in memory; undefined: nothing is read at once. */
  readonly now?: ReadsNow | undefined;
  /** Once; no read may be under way. */
  close(): void;
};

export type OpenSpoolFile = (path: string) => Promise<SpoolFile>;

/**
 * By descriptor and callback, not by FileHandle: a promise and an object per read would be the cost of the path.
 *
 * @param memoryReads left out: every read is asynchronous
 */
export async function openSpoolFile(path: string, memoryReads?: MemoryReads): Promise<SpoolFile> {
  const file = { fd: await openFd(path) };
  const now = memoryReads && (await readsNow(file, path, memoryReads));
  return {
    read: (buffer, position, done) => read(file.fd, buffer, 0, buffer.length, position, done),
    now,
    close() {
      close(file.fd, () => undefined);
      file.fd = -1;
    },
  };
}

async function readsNow(
  file: { readonly fd: number },
  path: string,
  memoryReads: MemoryReads,
): Promise<ReadsNow | undefined> {
  const device = await deviceOf(file.fd);
  return device === undefined ? undefined : memoryReads.of(file, path, device);
}

function openFd(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, 'r', (error, fd) => (error === null ? resolve(fd) : reject(error)));
  });
}

function deviceOf(fd: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    fstat(fd, (error, stats) => resolve(error === null ? stats.dev : undefined));
  });
}
