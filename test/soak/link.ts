import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What can befall a line of TCP, and everything on it. */
export const FAULT_KINDS = [
  /** Every connection ends with FIN, wherever it is. */
  'cut',
  /** Every connection ends with RST. */
  'reset',
  /** Nothing passes for a while; nobody is told. */
  'stall',
  /** Bytes pass at a trickle. */
  'slow',
  /** Bytes pass late. */
  'delay',
  /** Nobody listens. */
  'refuse',
  /** Connections are taken and nothing is heard any more; at its end they are reset. */
  'half_open',
  /** One byte of the next chunk is another one. */
  'garbage',
  /** Every connection ends, and nobody listens. */
  'outage',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export type Target = { readonly host: string; readonly port: number };

export type Link = {
  readonly name: string;
  /** Begins a fault, in place of the one before. `cut`, `reset` and `garbage` are over at once. */
  begin(kind: FaultKind): Promise<void>;
  /** A sound line again. */
  clear(): Promise<void>;
  /** Further connections go to this target alone; undefined: to each in turn, and past one that refuses. */
  only(index: number | undefined): void;
  readonly connections: () => number;
  end(): Promise<void>;
};

/** Bytes a second of a slow line, each way. */
const SLOW_BYTES_PER_SECOND = 256 * 1024;
/** Milliseconds that each chunk of a delayed line waits. */
const DELAY_MS = 150;

type Way = { readonly from: Socket; readonly to: Socket };

/** A line of TCP at an address, which is broken as its owner likes; behind it one or several servers. */
export async function openLink(options: {
  readonly name: string;
  readonly at: Target;
  readonly targets: readonly [Target, ...Target[]];
  /** Addresses of this machine that connections to the targets come from, in turn. */
  readonly from?: readonly string[];
}): Promise<Link> {
  const { at, targets, from = [] } = options;
  const clients = new Set<Socket>();
  const sockets = new Set<Socket>();
  /** What has to pass once the line is sound again. */
  let held: (() => void)[] = [];
  let mute = new Set<Socket>();
  let fault: FaultKind | undefined;
  let chosen: number | undefined;
  let turn = 0;
  let server: Server | undefined;

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      sockets.delete(socket);
      clients.delete(socket);
      mute.delete(socket);
    });
  }

  function pass({ from: one, to: other }: Way, chunk: Buffer): void {
    if (other.destroyed) return;
    if (fault === 'garbage') {
      fault = undefined;
      const index = chunk.length >> 1;
      chunk[index] = (chunk[index] ?? 0) ^ 0x55;
    }
    const write = () => {
      if (other.destroyed || other.write(chunk)) one.resume();
      else other.once('drain', () => one.resume());
    };
    one.pause();
    if (fault === 'stall' || fault === 'half_open') {
      held.push(write);
      mute.add(one);
    } else if (fault === 'slow') {
      setTimeout(write, (chunk.length / SLOW_BYTES_PER_SECOND) * 1000);
    } else if (fault === 'delay') {
      setTimeout(write, DELAY_MS);
    } else {
      write();
    }
  }

  function join(client: Socket, server: Socket): void {
    for (const way of [
      { from: client, to: server },
      { from: server, to: client },
    ]) {
      way.from.on('data', (chunk: Buffer) => pass(way, chunk));
      way.from.on('end', () => way.to.end());
      way.from.once('close', () => way.to.destroy());
      way.from.resume();
    }
  }

  /** The next target that takes the connection. */
  function lead(client: Socket, tries: number): void {
    if (client.destroyed) return;
    turn += 1;
    const target = targets[chosen ?? turn % targets.length] ?? targets[0];
    const localAddress = from[turn % Math.max(1, from.length)];
    const server = connect({
      host: target.host,
      port: target.port,
      allowHalfOpen: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    const onRefused = () => {
      server.destroy();
      if (tries > 1) lead(client, tries - 1);
      else client.resetAndDestroy();
    };
    server.once('error', onRefused);
    server.once('connect', () => {
      server.off('error', onRefused);
      track(server);
      // It left meanwhile, and nobody would be told any more.
      if (client.destroyed) server.destroy();
      else join(client, server);
    });
  }

  function take(client: Socket): void {
    clients.add(client);
    track(client);
    // While nobody leads it anywhere, it may still go.
    client.pause();
    if (fault === 'half_open') mute.add(client);
    else lead(client, chosen === undefined ? targets.length : 1);
  }

  async function listen(): Promise<void> {
    if (server !== undefined) return;
    server = createServer({ allowHalfOpen: true }, take);
    server.listen(at.port, at.host);
    await once(server, 'listening');
  }

  function deafen(): void {
    // Those that are open stay.
    server?.close();
    server = undefined;
  }

  function endAll(how: 'fin' | 'rst'): void {
    for (const socket of sockets) {
      if (how === 'rst') socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  async function clear(): Promise<void> {
    const [before, passing, silent] = [fault, held, mute];
    fault = undefined;
    held = [];
    mute = new Set();
    if (before === 'half_open') for (const socket of silent) socket.resetAndDestroy();
    else for (const write of passing) write();
    await listen();
  }

  await listen();
  return {
    name: options.name,
    async begin(kind) {
      await clear();
      if (kind === 'cut' || kind === 'reset') {
        endAll(kind === 'cut' ? 'fin' : 'rst');
        return;
      }
      fault = kind;
      if (kind === 'refuse' || kind === 'outage') deafen();
      if (kind === 'outage') endAll('rst');
    },
    clear,
    only(index) {
      chosen = index;
    },
    connections: () => clients.size,
    async end() {
      deafen();
      for (const socket of sockets) socket.destroy();
    },
  };
}
