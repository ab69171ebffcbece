import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { StoredBlob } from '../../src/cache/blob-store.ts';
import type { MemoryReads } from '../../src/cache/memory-reads.ts';
import { testDirectory } from './test-directory.ts';

export type StoredFile = {
  /** Opens the blob once more; without `memoryReads` nothing is read at once. */
  readonly open: (memoryReads?: MemoryReads) => Promise<StoredBlob>;
  /** Blobs that are open now. */
  readonly opened: () => number;
  /** Reads of bytes from this position on fail, or say that the file ends there. */
  readonly fault: { position: number; how: 'fails' | 'ends' };
};

/** One published blob, in a file of the test's own. */
export async function createStoredFile(t: Test, bytes: Uint8Array): Promise<StoredFile> {
  const path = join(testDirectory(t), 'blob');
  const file: FileHandle = await open(path, 'w+');
  await file.write(bytes);
  t.teardown(() => file.close());
  let opened = 0;
  const fault: StoredFile['fault'] = { position: Infinity, how: 'fails' };
  return {
    fault,
    opened: () => opened,
    async open(memoryReads) {
      opened += 1;
      let closed = false;
      const now = await memoryReads?.of(file, path, (await file.stat()).dev);
      return {
        length: bytes.length,
        path,
        now: now && {
          takeTurn: (run) => now.takeTurn(run),
          read(buffer, position) {
            if (closed) throw new Error('read after close');
            return position + buffer.length > fault.position ? 0 : now.read(buffer, position);
          },
        },
        async read(position, buffer) {
          if (closed) throw new Error('read after close');
          if (position + buffer.length > fault.position) {
            if (fault.how === 'fails') throw new Error('EIO: the disk failed');
            if (position >= fault.position) return 0;
            return (await file.read(buffer, 0, fault.position - position, position)).bytesRead;
          }
          return (await file.read(buffer, 0, buffer.length, position)).bytesRead;
        },
        close() {
          if (closed) throw new Error('closed twice');
          closed = true;
          opened -= 1;
        },
      };
    },
  };
}
