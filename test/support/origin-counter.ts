import type { IncomingHttpHeaders } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { TestAuthority } from './ca.ts';
import { closeServer, listen } from './server.ts';

export type CountedRequest = {
  readonly method: string;
  /** `<account>.blob.core.windows.net:<port>`, as the client named it. */
  readonly host: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  status: number;
  /** Body bytes that the origin sent. */
  bytes: number;
};

export type OriginCounter = {
  /** In place of Azurite's port: links made with `host(account)` pass by here. */
  readonly port: number;
  host(account: string): string;
  readonly requests: CountedRequest[];
  close(): Promise<void>;
};

/** A TLS front of Azurite that counts what reaches it and what it sends; otherwise it changes nothing. */
export async function startOriginCounter(
  authority: TestAuthority,
  origin: { readonly port: number },
): Promise<OriginCounter> {
  const server = createServer(await authority.issue(['*.blob.core.windows.net', '127.0.0.1']));
  const port = await listen(server);
  const requests: CountedRequest[] = [];
  server.on('request', (request, response) => {
    const { method = '', url: target = '', headers } = request;
    const counted: CountedRequest = {
      method,
      host: headers.host ?? '',
      target,
      headers,
      status: 0,
      bytes: 0,
    };
    requests.push(counted);
    const outgoing = httpsRequest({
      host: '127.0.0.1',
      port: origin.port,
      servername: 'counter.blob.core.windows.net',
      ca: authority.cert,
      agent: false,
      method,
      path: target,
      headers,
    });
    outgoing.on('response', (incoming) => {
      counted.status = incoming.statusCode ?? 0;
      response.writeHead(counted.status, incoming.headers);
      incoming.on('data', (chunk: Buffer) => {
        counted.bytes += chunk.length;
      });
      incoming.on('error', () => response.destroy());
      incoming.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  });
  return {
    port,
    host: (account) => `${account}.blob.core.windows.net:${port}`,
    requests,
    close: () => closeServer(server),
  };
}
