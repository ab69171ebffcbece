import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { TestAuthority } from './ca.ts';
import { answerBytes, type FixtureExchange } from './fixture-exchange.ts';
import { type Fault, misbehave } from './misbehave.ts';
import { closeServer, listen } from './server.ts';

export type BrokenUpstream = {
  readonly port: number;
  readonly host: string;
  /** URL of the bytes, with the fields of a SAS link. */
  readonly url: string;
  /** What reached it, in order. */
  readonly requests: {
    readonly method: string;
    readonly target: string;
    readonly headers: IncomingHttpHeaders;
  }[];
  /** Null: a sound host that knows ranges. May be changed at any time. */
  fault: Fault | null;
  /** Connections that are open now: a client that left must not leave one behind. */
  connections(): Promise<number>;
  close(): Promise<void>;
};

/** A storage host that holds one blob and is as broken as `fault` says. */
export async function startBrokenUpstream(options: {
  readonly bytes: Buffer;
  readonly fault?: Fault;
  /** Left out: plain http. */
  readonly authority?: TestAuthority;
  readonly name?: string;
}): Promise<BrokenUpstream> {
  const { authority, bytes, name = 'weureplstore76.blob.core.windows.net' } = options;
  const server = authority
    ? createHttpsServer(await authority.issue([name, '127.0.0.1']))
    : createHttpServer();
  const port = await listen(server);
  const host = `${name}:${port}`;
  const upstream: BrokenUpstream = {
    port,
    host,
    url: `${authority ? 'https' : 'http'}://${host}/container//blob/data?se=2099-01-01T00%3A00%3A00Z&sig=a%2Bb%3D&sp=r`,
    requests: [],
    fault: options.fault ?? null,
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      }),
    close: () => closeServer(server),
  };
  server.on('request', (request, response) => {
    const { method = '', url = '', headers } = request;
    upstream.requests.push({ method, target: url, headers });
    const exchange: FixtureExchange = { request, response, method, path: url, query: new URLSearchParams() };
    if (upstream.fault) misbehave(exchange, upstream.fault, bytes);
    else answerBytes(exchange, bytes, { 'content-type': 'application/octet-stream' }, 'all');
  });
  return upstream;
}

/** A port on loopback where connections are refused. */
export async function refusedPort(): Promise<number> {
  const server = createTcpServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Redirect targets that a proxy must not follow, each with what is wrong; `host` is one that is on the list. */
export function forbiddenLocations(host: string): { readonly why: string; readonly location: string }[] {
  return [
    { why: 'plain http', location: `http://${host}/blob?sig=x` },
    { why: 'a host off the list', location: 'https://attacker.example/blob?sig=x' },
    {
      why: 'the list as a prefix',
      location: 'https://weureplstore76.blob.core.windows.net.attacker.example/blob',
    },
    { why: 'credentials in it', location: `https://user:secret@${host}/blob` },
    { why: 'a loopback literal', location: 'https://127.0.0.1/blob' },
    { why: 'a loopback literal in short', location: 'https://127.1/blob' },
    { why: 'a loopback literal in decimal', location: 'https://2130706433/blob' },
    { why: 'a mapped loopback literal', location: 'https://[::ffff:127.0.0.1]/blob' },
    { why: 'the metadata service', location: 'https://169.254.169.254/metadata/identity' },
    { why: 'a private literal', location: 'https://10.0.0.1/blob' },
    { why: 'another scheme', location: 'file:///etc/passwd' },
    { why: 'no URL', location: 'https://' },
  ];
}
