import { Duplex } from 'node:stream';
import t from 'tap';
import { createBufferPool } from '../../src/upstream/buffer-pool.ts';
import { createSlabReader } from '../../src/upstream/slab-reader.ts';

const MIB = 1024 * 1024;

t.test(
  'slabs come back while the stream is never empty, as behind a client slower than storage',
  async (t) => {
    const pool = createBufferPool(64 * MIB);
    const reader = createSlabReader(pool);
    const socket = new Duplex({ read() {}, write() {}, highWaterMark: 4 * MIB });
    reader.attach(socket);
    const sizes: number[] = [];
    let mostLent = 0;
    let given = 0;
    for (let reads = 0; given < 200 * MIB; reads += 1) {
      const target = reader.onread.buffer();
      const bytes = Math.min(target.length, 50_000 + (reads % 7));
      reader.onread.callback(bytes, target);
      given += bytes;
      sizes.push(bytes);
      if (sizes.length > 3) {
        const chunk: Buffer = socket.read(sizes.shift() ?? 0);
        pool.unpin(pool.pin(chunk));
        // The pool takes a slab back a microtask after the last slice of it was let go.
        await Promise.resolve();
      }
      t.ok(socket.readableLength > 0 || sizes.length === 0);
      mostLent = Math.max(mostLent, pool.bytes.lent);
    }
    t.ok(mostLent <= 4 * MIB, `${mostLent} bytes lent at the most, of ${given} read`);
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    t.equal(pool.bytes.lent, 0);
  },
);

t.test('a slab is not used again while a slice of it is in the stream or pinned', async (t) => {
  const pool = createBufferPool(2 * MIB);
  const reader = createSlabReader(pool);
  const socket = new Duplex({ read() {}, write() {}, highWaterMark: 8 * MIB });
  reader.attach(socket);
  const pinned: { chunk: Buffer; value: number; slab: ReturnType<typeof pool.pin> }[] = [];
  const queued: { value: number; bytes: number }[] = [];
  for (let value = 1; value < 250; value += 1) {
    const target = reader.onread.buffer();
    const bytes = Math.min(target.length, 20_000);
    target.fill(value, 0, bytes);
    reader.onread.callback(bytes, target);
    queued.push({ value, bytes });
    // Reads lag behind by some slices, and what was read is held for some more.
    if (queued.length > 5) {
      const next = queued.shift();
      const chunk: Buffer = socket.read(next?.bytes);
      pinned.push({ chunk, value: next?.value ?? 0, slab: pool.pin(chunk) });
    }
    if (pinned.length > 8) {
      const { chunk, value: expected, slab } = pinned.shift() as (typeof pinned)[number];
      t.ok(
        chunk.every((byte) => byte === expected),
        `slice ${expected} is as it was read`,
      );
      pool.unpin(slab);
      await Promise.resolve();
    }
  }
});
