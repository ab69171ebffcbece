import { close, open, read } from 'node:fs';

/** A reader's own open file: it stays readable whatever becomes of its name. */
export type SpoolFile = {
  read(buffer: Uint8Array, position: number, done: (error: Error | null, bytes: number) => void): void;
  /** Once; no read may be under way. */
  close(): void;
};

export type OpenSpoolFile = (path: string) => Promise<SpoolFile>;

/** By descriptor and callback, not by FileHandle: a promise and an object per read would be the cost of the path. */
export const openSpoolFile: OpenSpoolFile = (path) =>
  new Promise((resolve, reject) => {
    open(path, 'r', (error, fd) => {
      if (error !== null) {
        reject(error);
        return;
      }
      resolve({
        read: (buffer, position, done) => read(fd, buffer, 0, buffer.length, position, done),
        close: () => close(fd, () => undefined),
      });
    });
  });
