import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands at a registry's address and gives each connection to the next of those behind it, TLS and all. */
export type Dealer = {
  /** Further connections go to this one alone; undefined: to each in turn. */
  only(index: number | undefined): void;
  /** Ends every connection, and takes no more. */
  end(): Promise<void>;
};

export async function startDealer(address: string, behind: readonly string[]): Promise<Dealer> {
  const sockets = new Set<Socket>();
  let chosen: number | undefined;
  let next = 0;
  const server = createServer((client) => {
    const index = chosen ?? (next += 1) % behind.length;
    const registry = connect(443, behind[index] ?? '');
    for (const [one, other] of [
      [client, registry],
      [registry, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(443, address);
  await once(server, 'listening');
  return {
    only(index) {
      chosen = index;
    },
    async end() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
