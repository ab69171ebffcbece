import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Bench } from '../bench.ts';
import { startBerth } from '../berth.ts';
import type { Origin } from '../origin.ts';
import type { ServerProcess } from '../server-process.ts';
import type { TlsFiles } from '../tls-files.ts';
import { startDistribution } from './distribution.ts';
import { startNginxCache } from './nginx-cache.ts';
import { startVarnish } from './varnish.ts';

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
  /** Not Berth. */
  peer: boolean;
  /** It can have TLS itself. */
  speaksTls: boolean;
  /** `tls` is for its clients; towards the origin it is as the origin has it. */
  open: (bench: Bench, origin: Origin, tls?: TlsFiles) => Promise<OpenCache>;
};

export const BERTH: CacheKind = {
  name: 'Berth',
  peer: false,
  speaksTls: true,
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
  peer: false,
  speaksTls: true,
  async open({ workspace }, origin, tls) {
    const server = await startBerth(workspace, origin, tls === undefined ? {} : { tls });
    return opened(server, server.inline);
  },
};

export const DISTRIBUTION_PROXY: CacheKind = distribution(
  'distribution, pull-through',
  ({ distributionProgram }) => distributionProgram,
);

export const DOCKER_REGISTRY: CacheKind = distribution(
  'docker-registry (Debian), pull-through',
  () => 'docker-registry',
);

export const NGINX_CACHE: CacheKind = {
  name: 'nginx, proxy_cache with lock',
  peer: true,
  speaksTls: true,
  async open({ workspace }, origin, tls) {
    const upstream = { port: origin.storagePort, tls: origin.tls };
    const server = await startNginxCache(workspace, upstream, tls);
    return opened(server, base(server.port, tls), server.directory);
  },
};

export const VARNISH: CacheKind = {
  name: 'Varnish, in memory',
  peer: true,
  speaksTls: false,
  async open({ workspace }, origin) {
    const server = await startVarnish(workspace, origin.storagePort, 'keep');
    return opened(server, base(server.port, undefined), server.directory);
  },
};

/** Every proxy that keeps blobs. */
export const CACHES: readonly CacheKind[] = [
  BERTH,
  DISTRIBUTION_PROXY,
  DOCKER_REGISTRY,
  NGINX_CACHE,
  VARNISH,
];

/** One of each way of doing it, where a section is long. */
export const FEW_CACHES: readonly CacheKind[] = [BERTH, DISTRIBUTION_PROXY, NGINX_CACHE];

/** Runs `action` with a fresh proxy of a kind. */
export async function withCache<T>(
  kind: CacheKind,
  bench: Bench,
  origin: Origin,
  action: (cache: OpenCache) => Promise<T>,
): Promise<T> {
  const cache = await kind.open(bench, origin, origin.tls);
  try {
    return await action(cache);
  } finally {
    await cache.close();
  }
}

function distribution(name: string, program: (bench: Bench) => string): CacheKind {
  return {
    name,
    peer: true,
    speaksTls: true,
    async open(bench, origin, tls) {
      const server = await startDistribution(bench.workspace, program(bench), origin, tls);
      return opened(server, base(server.port, tls), server.directory);
    },
  };
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
