import type { Test } from 'tap';
import type { RegistryConfig, UpstreamConfig } from '../../src/config/config.ts';
import type { ProbeTimings } from '../../src/upstream/regional/start-probes.ts';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
import { type BrokenUpstream, startBrokenUpstream } from '../support/broken-upstream.ts';
import { createTestAuthority, type TestAuthority } from '../support/ca.ts';
import { answerError } from '../support/fixture-exchange.ts';
import {
  type FixtureEndpoint,
  type FixtureRegistry,
  startFixtureRegistry,
} from '../support/fixture-registry.ts';
import type { FixtureAuth } from '../support/fixture-token-service.ts';
import type { TestRequest, TestResponse } from '../support/http-client.ts';
import { digestOf, MANIFEST_TYPE, pseudoRandomBytes } from '../support/image.ts';

export const REPOSITORY = 'team/app';

/** The tests' own client is at a loopback address. */
export const HERE = '127.0.0.0/8';

export type TestRegion = {
  readonly registry: FixtureRegistry;
  /** Holds the blob. */
  readonly storage: BrokenUpstream;
};

/** `home` is eastus. */
export type RegionsScene = {
  readonly authority: TestAuthority;
  readonly home: TestRegion;
  readonly west: TestRegion;
  readonly berth: TestBerth;
  readonly blob: Buffer;
  readonly digest: string;
  readonly blobPath: string;
  send(path: string, request?: TestRequest): Promise<TestResponse>;
  failovers(region: string, reason: string): Promise<number>;
};

export type RegionsOptions = {
  readonly auth?: FixtureAuth;
  readonly registry?: Partial<Omit<RegistryConfig, 'upstream' | 'regions'>>;
  readonly upstream?: Partial<UpstreamConfig>;
  readonly westAuth?: UpstreamConfig['auth'];
  /** Networks whose clients are in the west. */
  readonly westClients?: readonly string[];
  /** Left out: no probe in the time of a test. */
  readonly timings?: Partial<ProbeTimings>;
  readonly blobBytes?: number;
};

const NEVER_MS = 3_600_000;
export const NO_PROBES: ProbeTimings = {
  intervalMs: NEVER_MS,
  failingIntervalMs: NEVER_MS,
  timeoutMs: 1_000,
  holdMs: NEVER_MS,
};

/** One registry in two regions, each with a registry and storage of its own, and Berth before them. */
export async function openRegions(t: Test, options: RegionsOptions = {}): Promise<RegionsScene> {
  const authority = await createTestAuthority();
  t.teardown(() => authority.remove());
  const blob = pseudoRandomBytes('regions', options.blobBytes ?? 300_000);
  const digest = digestOf(blob);

  async function openRegion(host: string, storageName: string): Promise<TestRegion> {
    const storage = await startBrokenUpstream({ bytes: blob, authority, name: storageName });
    t.teardown(() => storage.close());
    const registry = await startFixtureRegistry({
      authority,
      host,
      ...(options.auth && { auth: options.auth }),
      blobs: { kind: 'redirect', locate: () => storage.url },
    });
    t.teardown(() => registry.close());
    registry.store.putBlob(REPOSITORY, digest, blob);
    return { registry, storage };
  }

  const home = await openRegion('contoso.azurecr.io', 'eusreplstore28.blob.core.windows.net');
  const west = await openRegion('contoso.westus.geo.azurecr.io', 'wusreplstore1.blob.core.windows.net');
  const berth = await startBerth({
    authority,
    registries: [
      testRegistry({
        storagePorts: [home.storage.port, west.storage.port],
        regions: [
          { name: 'eastus', match: ['eus*.blob.core.windows.net'], upstream: null, clients: [] },
          {
            name: 'westus',
            match: ['wus*.blob.core.windows.net'],
            upstream: { url: west.registry.url, auth: options.westAuth ?? null },
            clients: options.westClients ?? [],
          },
        ],
        ...options.registry,
        upstream: { url: home.registry.url, caFile: authority.caFile, ...options.upstream },
      }),
    ],
    regionTimings: { ...NO_PROBES, ...options.timings },
  });
  t.teardown(() => berth.close());
  return {
    authority,
    home,
    west,
    berth,
    blob,
    digest,
    blobPath: `/v2/${REPOSITORY}/blobs/${digest}`,
    send: (path, request) =>
      berth.client.send(path.startsWith('/') ? `https://contoso.registry.example${path}` : path, request),
    failovers: (region, reason) => berth.metric('berth_region_failovers_total', { region, reason }),
  };
}

/** A manifest that only these regions have; gives its digest. */
export function putManifest(text: string, tag: string, ...regions: readonly TestRegion[]): string {
  const bytes = manifestOf(text);
  for (const { registry } of regions) registry.store.putManifest(REPOSITORY, tag, MANIFEST_TYPE, bytes);
  return digestOf(bytes);
}

export function manifestOf(text: string): Buffer {
  const annotations = { text };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, layers: [], annotations }));
}

/** From now on the region's registry ends every connection without a word. */
export function cutOff({ registry }: TestRegion): void {
  registry.intercept = ({ request }) => {
    request.socket.destroy();
    return true;
  };
}

/** From now on it answers with this status, whatever is asked (or only these). */
export function answerAll(
  { registry }: TestRegion,
  status: number,
  endpoints?: readonly FixtureEndpoint[],
): void {
  registry.intercept = (exchange, endpoint) => {
    if (endpoints !== undefined && !endpoints.includes(endpoint)) return false;
    answerError(exchange, status, 'UNKNOWN');
    return true;
  };
}

export function restore({ registry }: TestRegion): void {
  registry.intercept = undefined;
}

export function hostOf(answer: TestResponse): string {
  return new URL(answer.headers.location ?? 'https://none.example').host;
}

/** Until the fact is there, within ten seconds. */
export async function until(what: string, fact: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await fact())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ten seconds`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
