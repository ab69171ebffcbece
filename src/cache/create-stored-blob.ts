import type { StoredBlob } from './blob-store.ts';
import type { ReadsNow } from './memory-reads.ts';
import { readFully } from './read-fully.ts';
import type { FileHandle } from './store-fs.ts';

export type StoredBlobDeps = {
  readonly length: number;
  readonly path: string;
  readonly now?: ReadsNow | undefined;
  /** A read failed, or the file (undefined) ends before its end. */
  readonly onDamage: (error: unknown) => void;
  /** Called once, when it is closed. */
  readonly release: () => void;
};

/** A published blob on an open file. */
export function createStoredBlob(
  file: FileHandle,
  { length, path, now, onDamage, release }: StoredBlobDeps,
): StoredBlob {
  let closed = false;
  return {
    length,
    path,
    now,
    async read(position, buffer) {
      const wanted = buffer.subarray(0, Math.max(0, Math.min(buffer.length, length - position)));
      try {
        const bytes = await readFully(file, wanted, position);
        if (bytes < wanted.length) onDamage(undefined);
        return bytes;
      } catch (error) {
        onDamage(error);
        throw error;
      }
    },
    close() {
      if (closed) return;
      closed = true;
      release();
      // It ends when the reads under way have.
      file.close().catch(() => {});
    },
  };
}
