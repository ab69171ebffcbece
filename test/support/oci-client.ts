import { createTestClient, type TestResponse } from './http-client.ts';
import { digestOf, INDEX_TYPE, MANIFEST_TYPE } from './image.ts';

export type OciExchange = {
  readonly hostname: string;
  readonly method: string;
  readonly status: number;
  /** Body bytes received. */
  readonly bytes: number;
};

export type PulledImage = {
  readonly manifest: string;
  /** Digests of config and layers, each verified, in the manifest's order. */
  readonly blobs: readonly string[];
  readonly bytes: number;
};

export type OciClient = {
  /** Every exchange so far, in order. */
  readonly exchanges: OciExchange[];
  /** Follows redirects as Go's clients do: at most ten, Authorization only to the same host or below it. */
  send(
    url: string,
    request?: { method?: string; headers?: Record<string, string>; body?: Uint8Array | string },
  ): Promise<TestResponse>;
  /** Pulls one platform of an image and verifies every digest on the way. */
  pull(image: {
    readonly registry: string;
    readonly repository: string;
    readonly reference: string;
    readonly architecture: string;
  }): Promise<PulledImage>;
  close(): void;
};

/** A client of the registry's is told something that does not hold. */
export class PullFailure extends Error {
  override readonly name = 'PullFailure';
  readonly code = 'pull_failed';
}

/**
 * A small OCI client: challenge, anonymous token, index, manifest, blobs. `route` is its resolver and its firewall.
 */
export function createOciClient(options: {
  readonly ca: string;
  readonly route: (hostname: string, port: number) => { address: string; port: number };
}): OciClient {
  const http = createTestClient(options);
  const exchanges: OciExchange[] = [];
  const tokens = new Map<string, string>();

  const send: OciClient['send'] = async (url, request = {}) => {
    let target = url;
    const { authorization, ...headers } = request.headers ?? {};
    const first = new URL(url).hostname;
    for (let hop = 0; hop <= 10; hop += 1) {
      const { hostname } = new URL(target);
      const keeps = authorization !== undefined && (hostname === first || hostname.endsWith(`.${first}`));
      const response = await http.send(target, {
        ...request,
        headers: keeps ? { ...headers, authorization } : headers,
      });
      const { status, body } = response;
      exchanges.push({ hostname, method: request.method ?? 'GET', status, bytes: body.length });
      const { location } = response.headers;
      if (status !== 307 || location === undefined) return response;
      target = new URL(location, target).href;
    }
    throw new PullFailure(`${url}: more than ten redirects`);
  };

  const tokenFor = async (challenge: string): Promise<string> => {
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
    const query = new URLSearchParams({ service: field('service'), scope: field('scope') });
    const { status, body } = await send(`${field('realm')}?${query.toString()}`);
    const document: unknown = status === 200 ? JSON.parse(body.toString()) : {};
    const token = fieldOf(document, 'token') ?? fieldOf(document, 'access_token');
    if (typeof token !== 'string')
      throw new PullFailure(`the token service answered ${status} without a token`);
    return token;
  };

  const get = async (registry: string, path: string, accept: string, repository: string) => {
    const attempt = () => {
      const token = tokens.get(`${registry}/${repository}`);
      const headers = { accept, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
      return send(`${registry}${path}`, { headers });
    };
    let response = await attempt();
    const challenge = response.headers['www-authenticate'];
    if (response.status === 401 && challenge !== undefined) {
      tokens.set(`${registry}/${repository}`, await tokenFor(challenge));
      response = await attempt();
    }
    if (response.status !== 200 || response.ended !== 'complete') {
      throw new PullFailure(`${path}: status ${response.status}, body ${response.ended}`);
    }
    return response.body;
  };

  return {
    exchanges,
    send,
    async pull({ registry, repository, reference, architecture }) {
      const manifests = `/v2/${repository}/manifests`;
      const index = await get(registry, `${manifests}/${reference}`, INDEX_TYPE, repository);
      const digest = fieldOf(
        listOf(index, 'manifests').find(
          (entry) => fieldOf(fieldOf(entry, 'platform'), 'architecture') === architecture,
        ),
        'digest',
      );
      if (typeof digest !== 'string') throw new PullFailure(`the index has no manifest for ${architecture}`);
      const manifest = await get(registry, `${manifests}/${digest}`, MANIFEST_TYPE, repository);
      verify(digest, manifest);
      const blobs = [fieldOf(JSON.parse(manifest.toString()), 'config'), ...listOf(manifest, 'layers')]
        .map((descriptor) => fieldOf(descriptor, 'digest'))
        .filter((blob) => typeof blob === 'string');
      let bytes = 0;
      for (const blob of blobs) {
        const content = await get(registry, `/v2/${repository}/blobs/${blob}`, '*/*', repository);
        verify(blob, content);
        bytes += content.length;
      }
      return { manifest: digest, blobs, bytes };
    },
    close: () => http.close(),
  };
}

function verify(digest: string, content: Buffer): void {
  const actual = digestOf(content);
  if (actual !== digest)
    throw new PullFailure(`${digest}: ${content.length} bytes came whose digest is ${actual}`);
}

function fieldOf(document: unknown, name: string): unknown {
  if (typeof document !== 'object' || document === null) return undefined;
  return Object.getOwnPropertyDescriptor(document, name)?.value;
}

function listOf(json: Buffer, name: string): unknown[] {
  const list = fieldOf(JSON.parse(json.toString()), name);
  return Array.isArray(list) ? list : [];
}
