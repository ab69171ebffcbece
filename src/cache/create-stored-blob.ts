import type { StoredBlob } from './blob-store.ts';
import { readFully } from './read-fully.ts';
import type { FileHandle } from './store-fs.ts';

/** A published blob on an open file; `release` is called once, when it is closed. */
export function createStoredBlob(
  file: FileHandle,
  { length, path, release }: { length: number; path: string; release: () => void },
): StoredBlob {
  let closed = false;
  return {
    length,
    path,
    read: (position, buffer) =>
      readFully(file, buffer.subarray(0, Math.max(0, Math.min(buffer.length, length - position))), position),
    close() {
      if (closed) return;
      closed = true;
      release();
      // It ends when the reads under way have.
      file.close().catch(() => {});
    },
  };
}
