/**
 * The buffers that blob bytes move through, recycled instead of left to the collector, under one budget.
 *
 * A **slab** is filled by one connection, from its start to its end. Its slices travel to the client as they are;
 * each one *pins* the slab until the write that sent it has called back. A slab goes back to the pool when its
 * connection has moved on, the connection's stream holds no byte of it, and nothing pins it.
 *
 * Bytes per read are the lever of a proxy's cost (one system call each), so a fast connection gets a large slab; see `pace.ts`.
 * The budget bounds what the pool holds; a connection is never left without a buffer
 * (it could not even notice its peer's end), so past the budget it reads through small unpooled ones, one at a time.
 * Slabs that nobody needed for a while go back to the system.
 */
export type BufferPool = {
  /** A slab of at most so many bytes, but never less than the smallest there is. */
  take(wantedBytes: number): Slab;
  /** The slab that a chunk is a slice of, pinned; undefined for a chunk from elsewhere. */
  pin(chunk: Uint8Array): Slab | undefined;
  unpin(slab: Slab | undefined): void;
  /** The connection is done with the slab; it may go back once nothing pins it and `drained()` is true. */
  retire(slab: Slab, drained: () => boolean): void;
  /** Tries again to take a retired slab back; false once it is back. */
  offer(slab: Slab): boolean;
  readonly bytes: { readonly lent: number; readonly free: number };
  /** How often a slab has come back. */
  readonly returns: number;
};

export type Slab = {
  readonly buffer: Buffer;
  readonly pooled: boolean;
  pins: number;
  /** Set when its connection has moved on: tells whether the connection's stream still holds slices of it. */
  drained: (() => boolean) | undefined;
};

/** Bytes. 64 KiB gains nothing over Node's own reads but costs nothing either: where a connection starts. */
export const SMALL_SLAB = 64 * 1024;
/** Bytes. Above 1 MiB the measured gain ends (docs/performance.md). */
const LARGE_SLAB = 1024 * 1024;
/** Bytes. What a connection reads through when the budget is spent: one TLS record. */
const FALLBACK_BUFFER = 16 * 1024;
/** Milliseconds. A slab that was free for so long was not needed; a herd of clients leaves many of them behind. */
const TRIM_MS = 2000;

type FreeSlabs = {
  readonly slabs: Slab[];
  /** The fewest there were since the last trim: so many were not needed. */
  spare: number;
};

/**
 * @param maxBytes budget for pooled buffers, lent and free together.
 * @param setTimer calls back after so many milliseconds, without keeping the process alive.
 */
export function createBufferPool(maxBytes: number, setTimer: SetTimer = setUnrefTimer): BufferPool {
  const free = new Map<number, FreeSlabs>();
  let isTrimDue = false;
  const slabs = new WeakMap<ArrayBufferLike, Slab>();
  let lentBytes = 0;
  let freeBytes = 0;
  let returns = 0;

  function allocate(size: number, pooled: boolean): Slab {
    // allocUnsafeSlow: a slab owns its ArrayBuffer, so a slice leads back to it.
    const slab: Slab = { buffer: Buffer.allocUnsafeSlow(size), pooled, pins: 0, drained: undefined };
    slabs.set(slab.buffer.buffer, slab);
    return slab;
  }

  function hasRoom(size: number): boolean {
    return lentBytes + freeBytes + size <= maxBytes;
  }

  function makeRoom(size: number): boolean {
    for (const list of free.values()) {
      while (!hasRoom(size) && drop(list));
    }
    return hasRoom(size);
  }

  function pop(list: FreeSlabs | undefined): Slab | undefined {
    const slab = list?.slabs.pop();
    if (list === undefined || slab === undefined) return undefined;
    list.spare = Math.min(list.spare, list.slabs.length);
    freeBytes -= slab.buffer.length;
    return slab;
  }

  /** False: there is none. */
  function drop(list: FreeSlabs): boolean {
    const slab = pop(list);
    if (slab === undefined) return false;
    // Given back now: the collector, which knows of a small object only, would come for it whenever it likes.
    if (slab.buffer.buffer instanceof ArrayBuffer) slab.buffer.buffer.transfer(0);
    return true;
  }

  function trim(): void {
    isTrimDue = false;
    for (const list of free.values()) {
      for (let spare = list.spare; spare > 0; spare -= 1) drop(list);
      list.spare = list.slabs.length;
    }
    if (freeBytes > 0) trimLater();
  }

  function trimLater(): void {
    if (isTrimDue) return;
    isTrimDue = true;
    setTimer(TRIM_MS, trim);
  }

  function tryTake(size: number): Slab | undefined {
    let slab = pop(free.get(size));
    if (slab === undefined) {
      if (!makeRoom(size)) return undefined;
      slab = allocate(size, true);
    }
    slab.drained = undefined;
    lentBytes += size;
    return slab;
  }

  function recycle(slab: Slab): void {
    slab.drained = undefined;
    if (!slab.pooled) return;
    const size = slab.buffer.length;
    lentBytes -= size;
    returns += 1;
    freeBytes += size;
    const list = free.get(size);
    if (list === undefined) free.set(size, { slabs: [slab], spare: 0 });
    else list.slabs.push(slab);
    trimLater();
  }

  function recycleIfIdle(slab: Slab): void {
    if (slab.pins === 0 && slab.drained?.() === true) recycle(slab);
  }

  return {
    take(wantedBytes) {
      // Half of the budget is kept for small slabs: a few fast transfers shall not push the many slow ones to the fallback.
      const size = lentBytes < maxBytes / 2 ? sizeOf(wantedBytes) : SMALL_SLAB;
      return tryTake(size) ?? tryTake(SMALL_SLAB) ?? allocate(FALLBACK_BUFFER, false);
    },
    pin(chunk) {
      const slab = slabs.get(chunk.buffer);
      if (slab !== undefined) slab.pins += 1;
      return slab;
    },
    unpin(slab) {
      if (slab === undefined) return;
      slab.pins -= 1;
      // Not at once: the parser that handed the slice out may still be reading further on in the same slab.
      if (slab.pins === 0 && slab.drained !== undefined) queueMicrotask(() => recycleIfIdle(slab));
    },
    retire(slab, drained) {
      slab.drained = drained;
      recycleIfIdle(slab);
    },
    offer(slab) {
      recycleIfIdle(slab);
      return slab.drained !== undefined;
    },
    get bytes() {
      return { lent: lentBytes, free: freeBytes };
    },
    get returns() {
      return returns;
    },
  };
}

/** The largest of the few sizes there are, each twice the one before, that is not above what is wanted. */
function sizeOf(wantedBytes: number): number {
  let size = SMALL_SLAB;
  while (size < LARGE_SLAB && size * 2 <= wantedBytes) size *= 2;
  return size;
}

type SetTimer = (milliseconds: number, fire: () => void) => void;

function setUnrefTimer(milliseconds: number, fire: () => void): void {
  setTimeout(fire, milliseconds).unref();
}
