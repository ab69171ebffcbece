import { once } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Test } from 'tap';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '../support/ca.ts';
import { pseudoRandomBytes } from '../support/image.ts';
import { closeServer, listen } from '../support/server.ts';
import { openScene, type Scene, type SceneOptions } from './scene.ts';

/** What a storage host does with one request; positions are of the blob. */
export type Act = {
  /** In place of bytes. */
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** The body ends before this position; or the connection before an answer, for 0. */
  readonly endsAt?: number;
  /** `trickle`: what follows comes byte by byte, ten times a second. */
  readonly how?: 'fin' | 'reset' | 'stall' | 'trickle';
  /** The whole, whatever was asked for. */
  readonly ignoresRange?: boolean;
  /** 206 with another Content-Range than asked for. */
  readonly shifted?: boolean;
  /** No answer at all. */
  readonly silent?: boolean;
  /** Says that the blob has so many bytes more, or fewer. */
  readonly otherLength?: number;
  readonly wrongByteAt?: number;
  /** Told when what is sent has been. */
  readonly sent?: () => void;
};

export type ScriptedStorage = {
  readonly port: number;
  readonly name: string;
  /** With the fields of a SAS link, which `signature` is one of. */
  url(signature?: string, expires?: Date): string;
  /** For the next requests, one each; after that all is well. */
  readonly acts: Act[];
  /** Of all further requests, after `acts`. */
  act: Act;
  etag: string | undefined;
  bytes: Buffer;
  /** Links with these signatures are refused, 403. */
  readonly refused: Set<string>;
  readonly requests: { readonly signature: string; readonly headers: IncomingHttpHeaders }[];
  /** Closes the port and every connection. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Of connections from now on; the others are closed. */
  present(certificate: TestCertificate): void;
  dropConnections(): void;
};

/** A storage host of one blob that does what it is told, request by request, and knows If-Match. */
export async function startScriptedStorage(
  t: Pick<Test, 'teardown'>,
  options: { readonly authority: TestAuthority; readonly bytes: Buffer; readonly name: string },
): Promise<ScriptedStorage> {
  const { authority, name } = options;
  const server = createServer(await authority.issue([name, '127.0.0.1']));
  const port = await listen(server);
  t.teardown(async () => {
    if (server.listening) await closeServer(server);
  });
  const storage: ScriptedStorage = {
    port,
    name,
    url: (signature = 'one', expires = new Date('2099-01-01T00:00:00Z')) => {
      const query = new URLSearchParams({ se: expires.toISOString().slice(0, 19) + 'Z', sig: signature });
      return `https://${name}:${port}/container//blob/data?${query.toString()}`;
    },
    acts: [],
    act: {},
    etag: '"0x8DC0FFEE"',
    bytes: options.bytes,
    refused: new Set(),
    requests: [],
    refuse: () => closeServer(server),
    async accept() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    present({ cert, key }) {
      server.setSecureContext({ cert, key });
      server.closeAllConnections();
    },
    dropConnections: () => server.closeAllConnections(),
  };
  server.on('request', (request, response) => {
    const signature = new URL(request.url ?? '', 'https://x').searchParams.get('sig') ?? '';
    storage.requests.push({ signature, headers: request.headers });
    if (storage.refused.has(signature)) response.writeHead(403, { 'content-length': 0 }).end();
    else perform(storage, storage.acts.shift() ?? storage.act, request.headers, response, request.socket);
  });
  return storage;
}

function perform(
  { bytes: right, etag }: ScriptedStorage,
  act: Act,
  headers: IncomingHttpHeaders,
  response: ServerResponse,
  socket: Socket,
): void {
  if (act.silent === true) return;
  if (act.status !== undefined) {
    response.writeHead(act.status, { 'content-length': 0, ...act.headers }).end();
    return;
  }
  if (act.endsAt === 0) {
    end(socket, act.how ?? 'fin');
    return;
  }
  if (headers['if-match'] !== undefined && headers['if-match'] !== etag) {
    response.writeHead(412, { 'content-length': 0 }).end();
    return;
  }
  const bytes = broken(right, act);
  const match = act.ignoresRange === true ? null : /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
  const from = Number(match?.[1] ?? 0);
  const to = Math.min(bytes.length, match === null || match[2] === '' ? bytes.length : Number(match[2]) + 1);
  const shift = act.shifted === true ? 1 : 0;
  response.writeHead(match === null ? 200 : 206, {
    'content-length': to - from,
    ...(etag !== undefined && { etag }),
    ...(match !== null && {
      'content-range': `bytes ${from + shift}-${to - 1 + shift}/${bytes.length + shift}`,
    }),
    ...act.headers,
  });
  const stop = Math.min(to, Math.max(from, act.endsAt ?? to));
  response.flushHeaders();
  response.write(bytes.subarray(from, stop), () => {
    act.sent?.();
    if (stop === to) response.end();
    else if (act.how === 'trickle') trickle(response, bytes.subarray(stop, to));
    else end(socket, act.how ?? 'fin');
  });
}

function broken(right: Buffer, { otherLength, wrongByteAt }: Act): Buffer {
  if (otherLength !== undefined) {
    const longer = Buffer.concat([right, Buffer.alloc(Math.max(0, otherLength))]);
    return longer.subarray(0, right.length + otherLength);
  }
  if (wrongByteAt === undefined) return right;
  const wrong = Buffer.from(right);
  wrong[wrongByteAt] = (wrong[wrongByteAt] ?? 0) ^ 0xff;
  return wrong;
}

function trickle(response: ServerResponse, bytes: Buffer): void {
  let position = 0;
  const timer = setInterval(() => {
    if (response.destroyed) clearInterval(timer);
    else response.write(bytes.subarray(position, (position += 1)));
  }, 100);
}

function end(socket: Socket, how: Act['how']): void {
  if (how === 'fin') socket.end();
  // A TLSSocket has no reset of its own: the TCP socket below it has.
  else if (how === 'reset') (Reflect.get(socket, '_parent') as Socket).resetAndDestroy();
}

export type ResumeScene = Scene & {
  readonly one: ScriptedStorage;
  readonly other: ScriptedStorage;
  /** What the registry redirects to from now on. */
  readonly links: { next: () => string };
};

/** A scene whose blob lies at two storage hosts, of which the registry names the first at first. */
export async function openResumeScene(t: Test, options: SceneOptions = {}): Promise<ResumeScene> {
  const authority = options.authority ?? (await createTestAuthority());
  if (options.authority === undefined) t.teardown(() => authority.remove());
  const bytes = options.blob ?? pseudoRandomBytes('resume', 2_000_000);
  const one = await startScriptedStorage(t, { authority, bytes, name: 'eusone.blob.core.windows.net' });
  const other = await startScriptedStorage(t, { authority, bytes, name: 'wusother.blob.core.windows.net' });
  const links = { next: () => one.url() };
  const scene = await openScene(t, {
    ...options,
    authority,
    blob: bytes,
    registry: {
      redirectHosts: [one, other].map(({ port }) => ({
        host: `*.blob.core.windows.net:${port}`,
        pathPattern: null,
      })),
      ...options.registry,
    },
    blobs: { kind: 'redirect', locate: () => links.next() },
  });
  return { ...scene, one, other, links };
}
