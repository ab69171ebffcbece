import type { Duplex } from 'node:stream';
import type { BufferPool, Slab } from './buffer-pool.ts';

/**
 * Node's `onread` option for one socket: reads land in the pool's slabs and their slices are pushed into the socket's
 * own stream, where undici reads them as usual. Only for sockets whose content is blob bytes; see `buffer-pool.ts`.
 */
export type SlabReader = {
  readonly onread: { buffer: () => Buffer; callback: (bytes: number, buffer: Uint8Array) => boolean };
  /** Must be called once with the socket made with `onread`, before any byte can arrive. */
  attach(socket: Duplex): void;
};

/** Bytes. Below this a read is not worth its system call, and the connection moves on to another slab. */
const MIN_READ = 16 * 1024;
/** A slab filled in at most this many reads counts as full: its connection could use a larger one. */
const FAST_READS = 4;
/**
 * Milliseconds that a slab may take from the first byte to the last. What stands still behind a slow client shall be little:
 * beyond this the connection begins again with a small one.
 */
const SLOW_MS = 100;

export function createSlabReader(pool: BufferPool): SlabReader {
  let slab: Slab | undefined;
  let used = 0;
  let reads = 0;
  let takenAt = 0;
  let socket: Duplex | undefined;
  /** Bytes pushed into the stream so far; it gives them out in order. */
  let pushed = 0;
  // Slabs the connection has left while its stream still held slices of them.
  let waiting: Slab[] = [];

  /** The stream has given out everything up to `end`: whoever wanted to keep a slice of it has pinned it by now. */
  function isPast(end: number): boolean {
    return socket === undefined || socket.destroyed || pushed - socket.readableLength >= end;
  }

  function leave(left: Slab): void {
    const end = pushed;
    pool.retire(left, () => isPast(end));
    if (left.drained !== undefined) waiting.push(left);
  }

  function offerAgain(): void {
    if (waiting.length === 0) return;
    // A slab that went back meanwhile has no `drained`; one that is lent again is somebody else's to offer.
    waiting = waiting.filter((left) => pool.offer(left));
  }

  function buffer(): Buffer {
    offerAgain();
    if (slab === undefined) {
      slab = pool.take(0, false);
      takenAt = performance.now();
    } else if (slab.buffer.length - used < Math.min(MIN_READ, slab.buffer.length)) {
      const previous = slab;
      const now = performance.now();
      const isFast = reads <= FAST_READS && now - takenAt <= SLOW_MS;
      slab = pool.take(previous.buffer.length, isFast);
      takenAt = now;
      leave(previous);
      used = 0;
      reads = 0;
    }
    return used === 0 ? slab.buffer : slab.buffer.subarray(used);
  }

  return {
    onread: {
      buffer,
      callback(bytes, target) {
        used += bytes;
        reads += 1;
        pushed += bytes;
        return (socket as Duplex).push(target.subarray(0, bytes));
      },
    },
    attach(made) {
      socket = made;
      made.once('close', () => {
        if (slab !== undefined) leave(slab);
        slab = undefined;
        offerAgain();
      });
    },
  };
}
