import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import type { TestAuthority } from '../../support/ca.ts';
import { HOSTS } from '../hosts-file.ts';

/** Raw bytes of an answer; `endless` goes on with them until the peer has had enough. */
export type HostileAnswer = { readonly bytes: string; readonly endless?: string };

export type HostileServer = {
  /** By the beginning of the request target; the longest that fits is taken. What fits none is 404. */
  readonly answers: Map<string, HostileAnswer>;
  /** Request lines so far. */
  readonly requests: string[];
  close(): Promise<void>;
};

/** Bytes after which an endless answer ends after all: a test that fails must not fill the memory. */
const MAX_ENDLESS_BYTES = 512 * 1024 * 1024;

/** A registry that speaks TLS with a good certificate, and then says whatever bytes it likes. */
export async function startHostileServer(
  authority: TestAuthority,
  names: readonly string[],
): Promise<HostileServer> {
  const { name, address } = HOSTS.hostile;
  const leaf = await authority.issue([name, ...names]);
  const answers = new Map<string, HostileAnswer>();
  const requests: string[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    let head = '';
    socket.on('data', (chunk: Buffer) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const line = head.split('\r\n')[0] ?? '';
      head = '';
      requests.push(line);
      const target = line.split(' ')[1] ?? '';
      const found = [...answers.keys()]
        .filter((start) => target.startsWith(start))
        .toSorted((one, other) => other.length - one.length)[0];
      const answer = found === undefined ? undefined : answers.get(found);
      void say(socket, answer ?? { bytes: plainAnswer('404 Not Found') }).catch(() => socket.destroy());
    });
  });
  server.listen(443, address);
  await once(server, 'listening');
  return {
    answers,
    requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function say(socket: TLSSocket, { bytes, endless }: HostileAnswer): Promise<void> {
  socket.write(bytes, 'latin1');
  if (endless !== undefined) {
    const more = Buffer.from(endless, 'latin1');
    for (let sent = 0; sent < MAX_ENDLESS_BYTES && socket.writable; sent += more.length) {
      if (!socket.write(more)) await roomOrEnd(socket);
    }
  }
  socket.end();
}

async function roomOrEnd(socket: TLSSocket): Promise<void> {
  const ended = new AbortController();
  const options = { signal: ended.signal };
  try {
    await Promise.race([once(socket, 'drain', options), once(socket, 'close', options)]);
  } finally {
    ended.abort();
  }
}

/** A well-formed answer without a body, after which the connection ends. */
export function plainAnswer(status: string, fields: readonly string[] = [], body = ''): string {
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, 'Connection: close', ...fields];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
