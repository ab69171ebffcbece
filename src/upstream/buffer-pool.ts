/**
 * The buffers that blob bytes move through, recycled instead of left to the collector, under one budget.
 *
 * A **slab** is filled by one connection, from its start to its end. Its slices travel to the client as they are;
 * each one *pins* the slab until the write that sent it has called back. A slab goes back to the pool when its
 * connection has moved on, the connection's stream holds no byte of it, and nothing pins it.
 *
 * Bytes per read are the lever of a proxy's cost (one system call each), so a connection whose reads fill its slab
 * gets a larger one next time. The budget bounds what the pool holds; a connection is never left without a buffer
 * (it could not even notice its peer's end), so past the budget it reads through small unpooled ones, one at a time.
 */
export type BufferPool = {
  /** A slab for a connection; `full` says that the last one was filled by a single read or few. */
  take(previousBytes: number, full: boolean): Slab;
  /** The slab that a chunk is a slice of, pinned; undefined for a chunk from elsewhere. */
  pin(chunk: Uint8Array): Slab | undefined;
  unpin(slab: Slab | undefined): void;
  /** The connection is done with the slab; it may go back once nothing pins it and `drained()` is true. */
  retire(slab: Slab, drained: () => boolean): void;
  /** Tries again to take a retired slab back; false once it is back. */
  offer(slab: Slab): boolean;
  readonly bytes: { readonly lent: number; readonly free: number };
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

/** @param maxBytes budget for pooled buffers, lent and free together. */
export function createBufferPool(maxBytes: number): BufferPool {
  const free = new Map<number, Slab[]>();
  const slabs = new WeakMap<ArrayBufferLike, Slab>();
  let lentBytes = 0;
  let freeBytes = 0;

  function allocate(size: number, pooled: boolean): Slab {
    // allocUnsafeSlow: a slab owns its ArrayBuffer, so a slice leads back to it.
    const slab: Slab = { buffer: Buffer.allocUnsafeSlow(size), pooled, pins: 0, drained: undefined };
    slabs.set(slab.buffer.buffer, slab);
    return slab;
  }

  function makeRoom(size: number): boolean {
    for (const list of free.values()) {
      while (lentBytes + freeBytes + size > maxBytes) {
        const dropped = list.pop();
        if (dropped === undefined) break;
        freeBytes -= dropped.buffer.length;
      }
    }
    return lentBytes + freeBytes + size <= maxBytes;
  }

  function tryTake(size: number): Slab | undefined {
    let slab = free.get(size)?.pop();
    if (slab !== undefined) freeBytes -= size;
    else if (makeRoom(size)) slab = allocate(size, true);
    else return undefined;
    slab.drained = undefined;
    lentBytes += size;
    return slab;
  }

  function recycle(slab: Slab): void {
    slab.drained = undefined;
    if (!slab.pooled) return;
    const size = slab.buffer.length;
    lentBytes -= size;
    freeBytes += size;
    const list = free.get(size);
    if (list === undefined) free.set(size, [slab]);
    else list.push(slab);
  }

  function recycleIfIdle(slab: Slab): void {
    if (slab.pins === 0 && slab.drained?.() === true) recycle(slab);
  }

  return {
    take(previousBytes, full) {
      // Half of the budget is kept for small slabs: a few fast transfers shall not push the many slow ones to the fallback.
      const wanted = full && lentBytes < maxBytes / 2 ? Math.min(previousBytes * 2, LARGE_SLAB) : SMALL_SLAB;
      return tryTake(wanted) ?? tryTake(SMALL_SLAB) ?? allocate(FALLBACK_BUFFER, false);
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
  };
}
