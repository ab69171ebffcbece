import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands before storage: slow, and no connection lives long. */
export type FarLine = {
  /** From now on; before, bytes pass as they come. */
  slowDown(): void;
  close(): Promise<void>;
};

/** Bytes a second of each connection. */
const BYTES_PER_SECOND = 2 * 1024 * 1024;
/** Milliseconds after which a connection ends, whatever is under way on it: longer than the links live. */
const LIFE_MS = 7000;

export async function startFarLine(address: string, behind: string): Promise<FarLine> {
  const sockets = new Set<Socket>();
  let isSlow = false;
  const server = createServer((client) => {
    const storage = connect(443, behind);
    const ends = isSlow ? setTimeout(() => client.destroy(), LIFE_MS) : undefined;
    for (const [one, other] of [
      [client, storage],
      [storage, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        sockets.delete(one);
        clearTimeout(ends);
        other.destroy();
      });
    }
    client.pipe(storage);
    storage.on('data', (chunk: Buffer) => {
      storage.pause();
      const isTaken = client.write(chunk);
      const next = () => storage.resume();
      if (!isTaken) client.once('drain', next);
      else if (isSlow) setTimeout(next, (chunk.length / BYTES_PER_SECOND) * 1000);
      else next();
    });
  });
  server.listen(443, address);
  await once(server, 'listening');
  return {
    slowDown() {
      isSlow = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
