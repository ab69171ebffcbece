import { Agent, request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import type { TestAuthority } from '../support/ca.ts';
import type { TestBlob, TestImage } from '../support/image.ts';

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
};

export type Http = {
  /** One request, redirects not followed. */
  send(
    method: string,
    url: string,
    options?: { readonly headers?: Record<string, string>; readonly body?: Buffer },
  ): Promise<Answer>;
  close(): void;
};

/** Longest silence of a server, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000;

/** A plain client for set-up and for questions that no container client asks. */
export function createHttp(authority: TestAuthority): Http {
  const agent = new Agent({ ca: authority.cert, keepAlive: true });
  const http: Http = {
    send: (method, url, options = {}) =>
      new Promise<Answer>((resolve, reject) => {
        const length = options.body === undefined ? {} : { 'content-length': String(options.body.length) };
        const outgoing = request(
          url,
          { method, agent, headers: { ...length, ...options.headers }, timeout: IDLE_TIMEOUT_MS },
          (response) => {
            const { statusCode: status = 0, headers } = response;
            resolve(buffer(response).then((body) => ({ status, headers, body })));
          },
        );
        outgoing.once('timeout', () => outgoing.destroy(new Error(`${method} ${url}: silent for 30 s`)));
        outgoing.once('error', (error: NodeJS.ErrnoException) => {
          // Its server closed it as idle just now: nobody has heard the question, so it is asked once more, on another one.
          const isStale = outgoing.reusedSocket && error.code === 'ECONNRESET';
          if (isStale) resolve(http.send(method, url, options));
          else reject(error);
        });
        outgoing.end(options.body);
      }),
    close: () => agent.destroy(),
  };
  return http;
}

/** A bearer token of the registry's own token service, `Authorization` ready. */
export async function bearer(
  http: Http,
  realm: string,
  service: string,
  scope: string,
  credentials?: readonly [string, string],
): Promise<string> {
  const query = new URLSearchParams({ service, scope });
  const headers: Record<string, string> = {};
  if (credentials !== undefined) {
    headers['authorization'] = `Basic ${Buffer.from(credentials.join(':')).toString('base64')}`;
  }
  const answer = await http.send('GET', `${realm}?${query.toString()}`, { headers });
  const document: { readonly token?: string } = JSON.parse(answer.body.toString('utf8'));
  if (document.token === undefined)
    throw new Error(`token service answered ${answer.status} without a token`);
  return `Bearer ${document.token}`;
}

function want(answer: Answer, status: number, what: string): void {
  if (answer.status === status) return;
  throw new Error(`${what}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`);
}

/** Pushes every blob and manifest of an image, then the index under `tag`. */
export async function uploadImage(
  http: Http,
  where: {
    readonly registry: string;
    readonly repository: string;
    readonly tag: string;
    readonly authorization: string;
  },
  image: TestImage,
): Promise<void> {
  const base = `https://${where.registry}/v2/${where.repository}`;
  const headers = { authorization: where.authorization };
  for (const blob of image.blobs) {
    const start = await http.send('POST', `${base}/blobs/uploads/`, { headers });
    want(start, 202, `start an upload to ${where.repository}`);
    const location = new URL(String(start.headers['location']), base);
    location.searchParams.set('digest', blob.digest);
    const type = { 'content-type': 'application/octet-stream' };
    want(
      await http.send('PUT', location.href, { headers: { ...headers, ...type }, body: blob.bytes }),
      201,
      `upload ${blob.digest}`,
    );
  }
  const put = async (manifest: TestBlob, reference: string) => {
    const type = { 'content-type': manifest.mediaType };
    const answer = await http.send('PUT', `${base}/manifests/${reference}`, {
      headers: { ...headers, ...type },
      body: manifest.bytes,
    });
    want(answer, 201, `upload manifest ${reference}`);
  };
  for (const manifest of image.manifests) await put(manifest, manifest.digest);
  await put(image.index, where.tag);
}
