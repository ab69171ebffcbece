import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { DISK_CACHE } from '../../test/support/disk-cache.ts';
import type { Bench } from '../bench.ts';
import { startBerth } from '../berth.ts';
import type { ServerProcess } from '../server-process.ts';
import type { CountingOrigin } from './counting-origin.ts';
import { startDistribution } from './distribution.ts';
import { startNginxCache, type TlsFiles } from './nginx-cache.ts';

/** A proxy that has nothing yet. */
export type OpenCache = {
  server: ServerProcess;
  /** Prefix of a blob's path. */
  base: string;
  /** Ends it and removes what it kept. */
  close: () => Promise<void>;
};

export type CacheKind = {
  name: string;
  open: (bench: Bench, origin: CountingOrigin, tls?: TlsFiles) => Promise<OpenCache>;
};

export const BERTH: CacheKind = {
  name: 'Berth',
  async open({ workspace }, origin, tls) {
    const cacheDirectory = join(workspace.directory, workspace.uniqueName('berth-cache'));
    mkdirSync(cacheDirectory);
    const server = await startBerth(workspace, origin, {
      cacheDirectory,
      ...(tls === undefined ? {} : { tls }),
    });
    return opened(server, server.inline, cacheDirectory);
  },
};

export const BERTH_WITHOUT: CacheKind = {
  name: 'Berth, no cache directory',
  async open({ workspace }, origin, tls) {
    const server = await startBerth(workspace, origin, tls === undefined ? {} : { tls });
    return opened(server, server.inline);
  },
};

export const DISTRIBUTION_PROXY: CacheKind = {
  name: 'distribution, pull-through',
  async open({ workspace, distributionProgram }, origin, tls) {
    const server = await startDistribution(workspace, distributionProgram, origin.registryPort, tls);
    return opened(server, base(server.port, tls), server.directory);
  },
};

export const NGINX_CACHE: CacheKind = {
  name: 'nginx, proxy_cache with lock',
  async open({ workspace }, origin, tls) {
    const server = await startNginxCache(workspace, origin.storagePort, tls);
    return opened(server, base(server.port, tls), server.directory);
  },
};

/** Every proxy that keeps blobs; Berth among them as soon as it does. */
export const CACHES: readonly CacheKind[] = [...(DISK_CACHE ? [BERTH] : []), DISTRIBUTION_PROXY, NGINX_CACHE];

/** Runs `action` with a fresh proxy of a kind. */
export async function withCache<T>(
  kind: CacheKind,
  bench: Bench,
  origin: CountingOrigin,
  action: (cache: OpenCache) => Promise<T>,
): Promise<T> {
  const cache = await kind.open(bench, origin);
  try {
    return await action(cache);
  } finally {
    await cache.close();
  }
}

function opened(server: ServerProcess, prefix: string, directory?: string): OpenCache {
  return {
    server,
    base: prefix,
    close: async () => {
      await server.stop();
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function base(port: number, tls: TlsFiles | undefined): string {
  return `${tls === undefined ? 'http' : 'https'}://localhost:${port}`;
}
