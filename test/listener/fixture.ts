import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { Duplex, Writable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { connect as connectTls } from 'node:tls';
import type { Test } from 'tap';
import { createAudit } from '../../src/audit/audit.ts';
import type { Limits, ListenerConfig, Timeouts } from '../../src/config/config.ts';
import type { ListenerDeps } from '../../src/listener/create-listener.ts';
import { createListener } from '../../src/listener/create-listener.ts';
import { createLogger } from '../../src/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

export type LogLine = Readonly<Record<string, unknown>>;

/** Log lines, and a way to wait for one. */
export function createLogCapture() {
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n')) if (line !== '') lines.push(JSON.parse(line));
      for (const check of waiting) check();
      done();
    },
  });
  return {
    lines,
    text: () => lines.map((line) => JSON.stringify(line)).join('\n'),
    log: createLogger({ level: 'debug', destination }),
    /** The `count` first lines that say `message`; waits until there are that many. */
    async messages(message: string, count = 1): Promise<LogLine[]> {
      const { promise, resolve } = Promise.withResolvers<LogLine[]>();
      const check = () => {
        const found = lines.filter((line) => line.msg === message);
        if (found.length >= count) resolve(found);
      };
      waiting.add(check);
      check();
      const found = await promise;
      waiting.delete(check);
      return found;
    },
  };
}

export type ListenerOptions = {
  config?: Partial<ListenerConfig>;
  limits?: Partial<Limits>;
  timeouts?: Partial<Timeouts>;
  handle?: ListenerDeps['handle'];
};

/** A listener on a free loopback port; drained when the test ends. */
export async function startListener(t: Test, options: ListenerOptions = {}) {
  const capture = createLogCapture();
  const metrics = createMetrics();
  const listener = await createListener(
    {
      address: '127.0.0.1',
      port: 0,
      network: 'public',
      clientAddress: 'socket',
      trustedProxies: [],
      tls: null,
      ...options.config,
    },
    {
      limits: { connections: 1000, headerBytes: 16_384, ...options.limits },
      timeouts: { idleSeconds: 30, requestHeadersSeconds: 30, ...options.timeouts },
      log: capture.log,
      metrics,
      audit: createAudit({ file: null, log: capture.log, metrics }),
      handle:
        options.handle ??
        (async (_request, reply) => {
          await reply.send('ok');
        }),
    },
  );
  const { port } = await listener.listen();
  t.teardown(() => listener.drain(0));
  return { listener, port, metrics, capture };
}

/** A connection that collects what it receives. */
export type RawConnection = {
  readonly socket: Socket;
  send(...parts: (string | Buffer)[]): void;
  /** Resolves once what was received contains `text`. */
  received(text: string): Promise<string>;
  /** Everything received, once the server has ended or reset the connection. */
  closed(): Promise<string>;
};

/** With `before`, as a proxy in front sends it: in the same segment as the client's first bytes. */
export async function openRaw(
  t: Test,
  port: number,
  tls?: ConnectionOptions,
  before?: Buffer,
): Promise<RawConnection> {
  const plain = connect({ port, host: '127.0.0.1' });
  t.teardown(() => plain.destroy());
  if (tls === undefined) return collect(plain, 'connect');
  const socket = connectTls({ ...tls, socket: before === undefined ? plain : prefixed(plain, before) });
  t.teardown(() => socket.destroy());
  return collect(socket, 'secureConnect');
}

function prefixed(plain: Socket, before: Buffer): Duplex {
  let prefix = before;
  plain.on('data', (chunk: Buffer) => duplex.push(chunk));
  plain.on('close', () => duplex.destroy());
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      plain.write(Buffer.concat([prefix, chunk]), done);
      prefix = Buffer.alloc(0);
    },
    final(done) {
      plain.end(done);
    },
  });
  return duplex;
}

export async function collect(socket: Socket, readyEvent: string): Promise<RawConnection> {
  let text = '';
  const checks = new Set<() => void>();
  const closed = Promise.withResolvers<string>();
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (const check of checks) check();
  });
  socket.on('error', () => {}); // a reset is an end as good as any; the close follows
  socket.on('close', () => closed.resolve(text));
  const ready = Promise.withResolvers<void>();
  socket.once(readyEvent, ready.resolve);
  socket.once('close', () => ready.resolve());
  await ready.promise;
  return {
    socket,
    send(...parts) {
      for (const part of parts) socket.write(part);
    },
    async received(wanted) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const check = () => {
        if (text.includes(wanted)) resolve(text);
      };
      checks.add(check);
      check();
      const found = await promise;
      checks.delete(check);
      return found;
    },
    closed: () => closed.promise,
  };
}

/** Sends one request and reads until the server closes; the request asks it to. */
export async function exchange(t: Test, port: number, head: string, body = ''): Promise<string> {
  const connection = await openRaw(t, port);
  connection.send(`${head}\r\nConnection: close\r\n\r\n${body}`);
  return connection.closed();
}

export type RawResponse = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
};

/** A response as it came over the wire, its body not decoded. */
export function parseResponse(text: string): RawResponse {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    ),
    body: text.slice(end + 4),
  };
}
