import type { Test } from 'tap';
import type { ResumeLimits } from '../../src/blob/resume.ts';
import type { Config, RegistryConfig, UpstreamConfig } from '../../src/config/config.ts';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
import { type BrokenUpstream, startBrokenUpstream } from '../support/broken-upstream.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';
import type { BlobDelivery } from '../support/fixture-content.ts';
import { type FixtureRegistry, startFixtureRegistry } from '../support/fixture-registry.ts';
import type { FixtureAuth } from '../support/fixture-token-service.ts';
import type { UploadLocation } from '../support/fixture-uploads.ts';
import type { TestRequest, TestResponse } from '../support/http-client.ts';
import { digestOf, MANIFEST_TYPE, pseudoRandomBytes } from '../support/image.ts';
import type { Lookup } from '../support/lookup.ts';

/** One registry, one storage host that holds one blob, and Berth before both. */
export type Scene = {
  readonly authority: TestAuthority;
  readonly registry: FixtureRegistry;
  /** Where the registry redirects the blob to; can be broken. */
  readonly storage: BrokenUpstream;
  readonly berth: TestBerth;
  readonly blob: Buffer;
  readonly digest: string;
  readonly manifest: Buffer;
  readonly manifestDigest: string;
  /** `https://contoso.registry.example` */
  readonly login: string;
  /** Path of the blob at the login server. */
  readonly blobPath: string;
  /** A request to the login server by path, or to anywhere by URL. */
  send(url: string, request?: TestRequest): Promise<TestResponse>;
  /** The data-endpoint URL that the login server gives out for the blob. */
  ticketUrl(headers?: Record<string, string>): Promise<string>;
};

export type SceneOptions = {
  /** Of what stands beside the scene; default: one of its own. */
  readonly authority?: TestAuthority;
  readonly auth?: FixtureAuth;
  readonly registry?: Partial<Omit<RegistryConfig, 'upstream'>>;
  readonly upstream?: Partial<UpstreamConfig>;
  readonly config?: Partial<Config>;
  /** False: plain http, links given out included. */
  readonly tls?: boolean;
  readonly blobBytes?: number;
  readonly blob?: Buffer;
  readonly algorithm?: 'sha256' | 'sha512';
  /** Default: 307 to the storage host. */
  readonly blobs?: BlobDelivery;
  readonly uploadLocation?: UploadLocation;
  readonly pageSize?: number;
  readonly lookup?: Lookup;
  readonly env?: NodeJS.ProcessEnv;
  readonly resumeLimits?: Partial<ResumeLimits>;
  /** Client certificates of the scene's authority are asked for. */
  readonly clientCertificates?: boolean;
  /** Names allowed as realm, at the fixture registry's own port. */
  readonly tokenHostsWithPort?: readonly string[];
};

export const REPOSITORY = 'team/app';

export async function openScene(t: Test, options: SceneOptions = {}): Promise<Scene> {
  const authority = options.authority ?? (await createTestAuthority());
  if (options.authority === undefined) t.teardown(() => authority.remove());
  const blob = options.blob ?? pseudoRandomBytes('scene', options.blobBytes ?? 300_000);
  const digest = digestOf(blob, options.algorithm);
  const storage = await startBrokenUpstream({
    bytes: blob,
    authority,
    name: 'eusreplstore28.blob.core.windows.net',
  });
  t.teardown(() => storage.close());
  const registry = await startFixtureRegistry({
    authority,
    ...(options.auth && { auth: options.auth }),
    ...(options.uploadLocation && { uploadLocation: options.uploadLocation }),
    ...(options.pageSize !== undefined && { pageSize: options.pageSize }),
    blobs: options.blobs ?? { kind: 'redirect', locate: () => storage.url },
  });
  t.teardown(() => registry.close());
  registry.store.putBlob(REPOSITORY, digest, blob);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { digest }, layers: [] }),
  );
  const manifestDigest = registry.store.putManifest(REPOSITORY, 'latest', MANIFEST_TYPE, manifest);
  const berth = await startBerth({
    authority,
    registries: [
      testRegistry({
        storagePorts: [storage.port],
        ...options.registry,
        upstream: {
          url: registry.url,
          caFile: authority.caFile,
          tokenHosts: (options.tokenHostsWithPort ?? []).map((name) => `${name}:${registry.port}`),
          ...options.upstream,
        },
      }),
    ],
    ...(options.config && { config: options.config }),
    ...(options.tls !== undefined && { tls: options.tls }),
    ...(options.lookup && { lookup: options.lookup }),
    ...(options.env && { env: options.env }),
    ...(options.resumeLimits && { resumeLimits: options.resumeLimits }),
    ...(options.clientCertificates && { clientCertificates: options.clientCertificates }),
  });
  t.teardown(() => berth.close());
  const login = `${options.tls === false ? 'http' : 'https'}://contoso.registry.example`;
  const blobPath = `/v2/${REPOSITORY}/blobs/${digest}`;
  const send = (url: string, request?: TestRequest) =>
    berth.client.send(url.startsWith('/') ? `${login}${url}` : url, request);
  return {
    authority,
    registry,
    storage,
    berth,
    blob,
    digest,
    manifest,
    manifestDigest,
    login,
    blobPath,
    send,
    async ticketUrl(headers = {}) {
      const redirect = await send(blobPath, { headers });
      if (redirect.status !== 307)
        throw new Error(`expected a redirect, got ${redirect.status}: ${redirect.body.toString()}`);
      return redirect.headers.location ?? '';
    },
  };
}

/** Fields of a response without those that are different each time. */
export function stableHeaders(response: TestResponse): Record<string, unknown> {
  const { date: _date, 'x-request-id': _id, ...stable } = response.headers;
  return stable;
}

/** The OCI error document of a response. */
export function errorOf(response: TestResponse): {
  code: string;
  message: string;
  detail: { requestId: string };
} {
  const document: { errors: [{ code: string; message: string; detail: { requestId: string } }] } = JSON.parse(
    response.body.toString(),
  );
  return document.errors[0];
}

/** The access line that fits, once it is written: the client may have its answer a moment earlier. */
export async function accessLine(
  scene: Scene,
  fits: (line: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const line = scene.berth.log.find((candidate) => 'status' in candidate && fits(candidate));
    if (line !== undefined) return line;
    if (Date.now() > deadline) throw new Error('no such access line within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
