import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';

import { readBounded } from '../../http/bounded-content.ts';
import { describeCode } from '../../system/error-code.ts';

export type ProbeAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly text: string;
      /** Whether the request id came back: only Berth itself sends it. */
      readonly isEchoed: boolean;
    }
  | { readonly kind: 'none'; readonly reason: string };

/** Bytes of a document that are looked at. */
const MAX_TEXT_BYTES = 64 * 1024;

/**
 * One GET without credentials at one address. The certificate is not looked at: `checkCertificate` has, and what is asked here
 * is no secret.
 */
export async function probeHttp(
  url: URL,
  address: string,
  options: { readonly timeoutMs: number; readonly ca?: string | undefined },
): Promise<ProbeAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const isSecure = url.protocol === 'https:';
  const id = randomUUID();
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const outgoing = (isSecure ? httpsRequest : httpRequest)({
    agent: false,
    host: address,
    port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port),
    ...(isSecure && { rejectUnauthorized: false, ...(isIP(name) === 0 && { servername: name }) }),
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, 'user-agent': 'berth-check-health', 'x-request-id': id, connection: 'close' },
    signal: AbortSignal.timeout(options.timeoutMs),
  });
  outgoing.on('error', reject);
  outgoing.on('response', (response) => {
    readBounded(response, MAX_TEXT_BYTES)
      .catch(() => Buffer.alloc(0))
      .then((content) =>
        resolve({
          kind: 'answer',
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: content.toString('utf8'),
          isEchoed: response.headers['x-request-id'] === id,
        }),
      )
      .catch(reject);
  });
  outgoing.end();
  try {
    return await promise;
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'AbortError';
    return {
      kind: 'none',
      reason: isLate ? `no answer within ${options.timeoutMs / 1000} s` : describeCode(error),
    };
  } finally {
    outgoing.destroy();
  }
}
