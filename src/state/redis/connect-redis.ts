import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createRedisClient } from './create-redis-client.ts';
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

const DEFAULT_PORT = 6379;
/** Milliseconds of silence after which a peer that has gone without a word is noticed. */
const KEEP_ALIVE_MS = 5_000;
/** Characters of a server's words that are logged. */
const MAX_REASON = 200;

/** Opens connections, each with what its files say then. */
export function createConnectRedis(target: RedisTarget): ConnectRedis {
  return async (onLost) => {
    const password =
      target.passwordFile === null ? undefined : firstLine(await readFile(target.passwordFile, 'utf8'));
    const ca = target.caFile === null ? undefined : await readFile(target.caFile, 'utf8');
    const url = new URL(target.url);
    const socket = openSocket(url, ca);
    const deadline = setTimeout(
      () => socket.destroy(new Error(`no connection within ${target.connectTimeoutMs} ms`)),
      target.connectTimeoutMs,
    );
    try {
      await once(socket, url.protocol === 'rediss:' ? 'secureConnect' : 'connect');
      const client = createRedisClient(socket, (error) => onLost(reasonOf(error, password)));
      const username = decodeURIComponent(url.username);
      const database = url.pathname.slice(1);
      if (password !== undefined || username !== '') {
        await client.send(['AUTH', ...(username === '' ? [] : [username]), password ?? '']);
      }
      if (database !== '') await client.send(['SELECT', database]);
      // Wrong rights show here and not at the first request.
      await client.send(['PING']);
      return client;
    } catch (error) {
      socket.destroy();
      throw tellable(error, password);
    } finally {
      clearTimeout(deadline);
    }
  };
}

function openSocket(url: URL, ca: string | undefined): Socket {
  const host = unbracketed(url.hostname);
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const socket =
    url.protocol === 'rediss:'
      ? connectTls({
          host,
          port,
          ...(isIP(host) === 0 && { servername: host }),
          ...(ca !== undefined && { ca }),
        })
      : connectTcp({ host, port });
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
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
