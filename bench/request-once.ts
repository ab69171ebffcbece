import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

/** One GET of a small answer over a connection of its own; the certificates are this run's own. */
export async function requestOnce(
  url: string,
  headers: http.OutgoingHttpHeaders = {},
): Promise<{ status: number; body: string }> {
  const { protocol, hostname, port, host, pathname, search } = new URL(url);
  const settings = {
    agent: false,
    // Names below `localhost` are loopback (RFC 6761).
    host: hostname.endsWith('localhost') ? '127.0.0.1' : hostname,
    port,
    path: `${pathname}${search}`,
    headers: { host, ...headers },
    rejectUnauthorized: false,
  };
  const request = protocol === 'https:' ? https.get(settings) : http.get(settings);
  // node:events resolves with the arguments of the event.
  const [response]: unknown[] = await once(request, 'response');
  if (!(response instanceof http.IncomingMessage)) throw new Error(`${url}: no response`);
  return { status: response.statusCode ?? 0, body: await text(response) };
}
