import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { HOSTS } from '../hosts-file.ts';
import { run } from '../process.ts';

/** Listeners where Berth must never come, each counting its connections. */
export type Traps = {
  /** Connections so far, by `address:port`; those without any are left out. */
  caught(): Readonly<Record<string, number>>;
  close(): Promise<void>;
};

/** Where clouds tell a machine its own credentials; here it is an address of the servers' namespace alone. */
export const METADATA_ADDRESS = '169.254.169.254';

const PLACES: readonly (readonly [address: string, port: number])[] = [
  [METADATA_ADDRESS, 443],
  [METADATA_ADDRESS, 80],
  ['127.0.0.1', 443],
  ['127.0.0.1', 80],
  ['::1', 443],
  [HOSTS.attacker.address, 443],
  [HOSTS.attacker.address, 80],
];

/** Sets the traps, and throws where one of them does not count. */
export async function setTraps(): Promise<Traps> {
  await run(['ip', 'address', 'replace', `${METADATA_ADDRESS}/32`, 'dev', 'lo']);
  const servers: Server[] = [];
  let counts: Record<string, number> = {};
  for (const [address, port] of PLACES) {
    const place = `${address}:${port}`;
    const server = createServer((socket) => {
      counts[place] = (counts[place] ?? 0) + 1;
      socket.on('error', () => {});
      socket.destroy();
    });
    server.listen(port, address);
    await once(server, 'listening');
    servers.push(server);
    const socket = connect(port, address);
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    if (counts[place] !== 1) throw new Error(`the trap at ${place} does not count`);
  }
  counts = {};
  return {
    caught: () => ({ ...counts }),
    async close() {
      for (const server of servers) {
        server.close();
        await once(server, 'close');
      }
      await run(['ip', 'address', 'delete', `${METADATA_ADDRESS}/32`, 'dev', 'lo']);
    },
  };
}
