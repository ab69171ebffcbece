import { readFile } from 'node:fs/promises';
import type { ConnectRedis } from './redis-connection.ts';

export type RedisTarget = {
  /** `redis://` or `rediss://`, with host, port, user and database, never with a password. */
  readonly url: string;
  /** Its first line is the password; read at each connection, so that it may change. Null: none. */
  readonly passwordFile: string | null;
  /** PEM of the authorities that may have signed the certificate; null: the well-known ones. */
  readonly caFile: string | null;
  /** Milliseconds for the connection to open. */
  readonly connectTimeoutMs: number;
};

/** Commands that wait for an answer; far more than the deadline lets through. */
const MAX_WAITING = 10_000;

/** Characters of a server's words that are logged. */
const MAX_REASON = 200;

/** Connects with node-redis, which is loaded at the first attempt: who has no shared state does not pay for it. */
export function createConnectRedis(target: RedisTarget): ConnectRedis {
  return async (onLost) => {
    const { createClient } = await import('redis');
    const password =
      target.passwordFile === null ? undefined : firstLine(await readFile(target.passwordFile, 'utf8'));
    const ca = target.caFile === null ? undefined : await readFile(target.caFile, 'utf8');
    const url = new URL(target.url);
    const { hostname, protocol } = url;
    // A user in the URL would have the library look there for the password, too.
    const username = decodeURIComponent(url.username);
    url.username = '';
    const socket = { connectTimeout: target.connectTimeoutMs, reconnectStrategy: false } as const;
    const client = createClient({
      url: url.href,
      ...(username !== '' && { username }),
      ...(password !== undefined && { password }),
      socket:
        protocol === 'rediss:'
          ? { ...socket, tls: true, host: unbracketed(hostname), ...(ca !== undefined && { ca }) }
          : socket,
      disableOfflineQueue: true,
      commandsQueueMaxLength: MAX_WAITING,
    });
    client.on('error', (error: unknown) => onLost(reasonOf(error, password)));
    client.on('end', () => onLost('the connection was closed'));
    const deadline = setTimeout(() => {
      if (client.isOpen) client.destroy();
    }, target.connectTimeoutMs);
    try {
      await client.connect();
      // Wrong rights show here and not at the first request.
      await client.sendCommand(['PING']);
    } catch (error) {
      if (client.isOpen) client.destroy();
      throw tellable(error, password);
    } finally {
      clearTimeout(deadline);
    }
    return {
      send: (args) => client.sendCommand([...args]),
      destroy: () => {
        if (client.isOpen) client.destroy();
      },
    };
  };
}

/** Without its cause, which has the server's own words. */
function tellable(error: unknown, password: string | undefined): Error {
  return new Error(reasonOf(error, password));
}

/** What a server that does not know AUTH says may repeat the command, password and all. */
function reasonOf(error: unknown, password: string | undefined): string {
  if (!(error instanceof Error)) return 'unknown error';
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const { message } = first instanceof Error ? first : error;
  const shown = password === undefined || password === '' ? message : message.replaceAll(password, '***');
  return shown.slice(0, MAX_REASON);
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
