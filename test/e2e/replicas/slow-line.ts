import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { HOSTS } from '../hosts-file.ts';
import { run } from '../process.ts';

/** Between everybody and storage; as fast as storage, unless it is told otherwise. */
export type SlowLine = {
  /** Bytes a second of all connections together; undefined: as they come. */
  pace(bytesPerSecond: number | undefined): void;
  close(): Promise<void>;
};

const ADDRESS = '127.0.6.1';
const PORT = 443;

/** Whoever connects to storage from now on passes through it, TLS and all. */
export async function startSlowLine(): Promise<SlowLine> {
  const sockets = new Set<Socket>();
  let rate: number | undefined;
  let freeAt = 0;

  /** Milliseconds until the line is free again after so many bytes. */
  function occupy(bytes: number): number {
    if (rate === undefined) return 0;
    const now = performance.now();
    freeAt = Math.max(freeAt, now) + (bytes / rate) * 1000;
    return freeAt - now;
  }

  const server = createServer((client) => {
    const storage = connect({ port: PORT, host: HOSTS.storage.address, localAddress: ADDRESS });
    for (const [one, other] of [
      [client, storage],
      [storage, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => one.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(storage);
    storage.on('data', (chunk: Buffer) => {
      storage.pause();
      const isTaken = client.write(chunk);
      const next = (): void => void setTimeout(() => storage.resume(), occupy(chunk.length));
      if (isTaken) next();
      else client.once('drain', next);
    });
  });
  server.listen(PORT, ADDRESS);
  await once(server, 'listening');
  const through = `-d ${HOSTS.storage.address} ! -s ${ADDRESS} -p tcp --dport ${PORT} -j DNAT --to-destination ${ADDRESS}:${PORT}`;
  const rule = (action: '-A' | '-D') =>
    run(['iptables', '-w', '-t', 'nat', action, 'OUTPUT', ...through.split(' ')]);
  await rule('-A');
  return {
    pace(bytesPerSecond) {
      rate = bytesPerSecond;
      freeAt = 0;
    },
    async close() {
      await rule('-D');
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
