import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { NO_BLOB_CACHE, startBerth, type TestBerth, testRegistry } from '../../support/berth.ts';
import type { TestAuthority } from '../../support/ca.ts';
import { startFixtureRegistry } from '../../support/fixture-registry.ts';
import { createLookup } from '../../support/lookup.ts';
import { testDirectory } from '../../support/test-directory.ts';
import { type Cell, HELD_FROM, PIECE_BYTES } from './cells.ts';
import { type MatrixOrigin, startMatrixOrigin } from './origin.ts';

const REPOSITORY = 'team/app';
const LOGIN = 'https://contoso.registry.example';
export const STORAGE_NAMES = ['eusreplstore28.blob.core.windows.net', '127.0.0.1'] as const;

/** A registry whose blobs are at one storage host, and Berth before both, with a cache that has what `seedCache` put there. */
export type MatrixScene = {
  readonly berth: TestBerth;
  readonly origin: MatrixOrigin;
  readonly directory: string;
  /** While it is set, the storage host's name does not exist. */
  readonly names: { lost: boolean };
  ticketUrl(digest: string): Promise<string>;
  /** Stops Berth before its scene ends. */
  stop(): Promise<void>;
};

export type MatrixTimeouts = { readonly headersSeconds: number; readonly idleSeconds: number };

export async function openMatrixScene(
  t: Pick<Test, 'teardown'>,
  options: {
    readonly authority: TestAuthority;
    readonly cells: readonly Cell[];
    readonly directory: string;
    readonly timeouts?: MatrixTimeouts;
  },
): Promise<MatrixScene> {
  const { authority, cells, directory } = options;
  const blobs = new Map(cells.map(({ digest, blob }) => [digest, blob]));
  const origin = await startMatrixOrigin(blobs, await authority.issue([...STORAGE_NAMES]));
  t.teardown(() => origin.close());
  const registry = await startFixtureRegistry({
    authority,
    blobs: { kind: 'redirect', locate: (digest) => origin.url(digest) },
  });
  t.teardown(() => registry.close());
  for (const [digest, blob] of blobs) registry.store.putBlob(REPOSITORY, digest, blob);
  const names = { lost: false };
  const berth = await startBerth({
    authority,
    registries: [
      testRegistry({
        storagePorts: [origin.port],
        upstream: { url: registry.url, caFile: authority.caFile },
      }),
    ],
    // A fault that stays is tried often enough to be one; how often that is in truth is E1's own test.
    resumeLimits: { baseDelayMs: 2, maxDelayMs: 10, triesWithoutProgress: 8 },
    lookup: createLookup((name) =>
      names.lost && name.endsWith('.blob.core.windows.net') ? undefined : '127.0.0.1',
    ),
    config: {
      cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory, pieceBytes: PIECE_BYTES },
      timeouts: {
        connectSeconds: 5,
        headersSeconds: 20,
        commitSeconds: 30,
        idleSeconds: 20,
        requestHeadersSeconds: 20,
        drainSeconds: 1,
        ...options.timeouts,
      },
    },
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= berth.close());
  t.teardown(stop);
  return {
    berth,
    origin,
    directory,
    names,
    stop,
    async ticketUrl(digest) {
      const { status, headers } = await berth.client.send(`${LOGIN}/v2/${REPOSITORY}/blobs/${digest}`);
      if (status !== 307) throw new Error(`no redirect to the data endpoint, but ${status}`);
      return headers.location ?? '';
    },
  };
}

/** A cache directory as a Berth leaves it that has had all of the warm blobs and the beginning of the partial ones. */
export async function seedCache(t: Test, authority: TestAuthority, cells: readonly Cell[]): Promise<string> {
  const directory = join(testDirectory(t), 'seed');
  const scene = await openMatrixScene(t, { authority, cells, directory });
  const fetchOf = async ({ state, digest }: Cell): Promise<void> => {
    const headers: Record<string, string> = state === 'partial' ? { range: `bytes=0-${HELD_FROM - 1}` } : {};
    await scene.berth.client.send(await scene.ticketUrl(digest), { headers });
  };
  const seeded = cells.filter(({ state }) => state === 'partial' || state === 'warm');
  await Promise.all(seeded.map(fetchOf));
  // What is being published while it stops is published first.
  await scene.stop();
  return directory;
}

/** A scene of its own for each fault, on a copy of the same cache. */
export async function openSeededScene(
  t: Test,
  options: Omit<Parameters<typeof openMatrixScene>[1], 'directory'> & { readonly seed: string },
  prepare: (directory: string) => void = () => undefined,
): Promise<MatrixScene> {
  const directory = join(testDirectory(t), 'cache');
  await cp(options.seed, directory, { recursive: true, filter: (path) => !path.endsWith('/lock') });
  prepare(directory);
  return openMatrixScene(t, { ...options, directory });
}
