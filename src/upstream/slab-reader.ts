import type { Duplex } from 'node:stream';
import type { BufferPool, Slab } from './buffer-pool.ts';
import { Pace } from './pace.ts';

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
export function createSlabReader(pool: BufferPool): SlabReader {
  let slab: Slab | undefined;
  let used = 0;
  // Of what passes: a connection behind a slow client is paused most of the time.
  const pace = new Pace();
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
      slab = pool.take(0);
    } else if (slab.buffer.length - used < Math.min(MIN_READ, slab.buffer.length)) {
      const previous = slab;
      const now = performance.now();
      pace.note(used, now);
      slab = pool.take(pace.slabBytes(now));
      leave(previous);
      used = 0;
    }
    return used === 0 ? slab.buffer : slab.buffer.subarray(used);
  }

  return {
    onread: {
      buffer,
      callback(bytes, target) {
        used += bytes;
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
