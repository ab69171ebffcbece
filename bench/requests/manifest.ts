import type { Bench, SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { startDistribution } from '../cold/distribution.ts';
import { startNginxCache } from '../cold/nginx-cache.ts';
import { startVarnish } from '../cold/varnish.ts';
import { startHaproxy } from '../haproxy.ts';
import { startNginxProxy } from '../nginx.ts';
import { type Origin, startOrigin } from '../origin.ts';
import type { ServerProcess } from '../server-process.ts';
import { tabulate } from '../tabulate.ts';
import { measureRows } from './measure-rows.ts';
import { requestColumns } from './request-columns.ts';
import { addSampleManifest } from './sample-manifest.ts';

const NGINX = 'nginx, proxy_cache';
const REQUESTS = 20_000;
/** Of the registries, which take a millisecond for each. */
const FEWER_REQUESTS = 2_000;
const [BY_DIGEST, BY_TAG] = ['by digest', 'by tag'];

/** A manifest that the proxy has, for a client that may have it. */
export const MANIFEST: SectionRun = {
  name: 'manifest',
  title: 'Manifest, decision kept',
  async run(bench) {
    const { workspace, options } = bench;
    const manifest = addSampleManifest(workspace);
    const origin = await startOrigin(workspace, { manifests: [manifest] });
    const open: OpenProxy[] = [];
    try {
      for (const start of STARTS) open.push(await start(bench, origin));
      const subjects = [
        { name: BY_DIGEST, path: manifest.byDigest },
        { name: BY_TAG, path: manifest.byTag },
      ].flatMap((each) =>
        open
          .filter(({ only }) => only === undefined || only === each.name)
          .map(({ name, peer, server, base, requests }) => ({
            ...(requests === undefined ? {} : { requests }),
            name,
            case: each.name,
            peer,
            pid: server.pid,
            url: `${base}${each.path}`,
            status: 200,
          })),
      );
      const rows = await measureRows(bench, subjects, REQUESTS);
      const { markdown, figures } = tabulate(
        rows,
        requestColumns({ head: '× nginx, proxy_cache', to: { row: NGINX } }),
      );
      return {
        figures,
        markdown: `A manifest of ${manifest.bytes} bytes, ${REQUESTS} requests per round (${FEWER_REQUESTS} of distribution and docker-registry) over 32 kept connections, ${options.rounds} rounds, every row in each. The load generator is one Node process and
shares the cores: where it is the limit, the rates say less than the CPU. Not all do the same: for a tag, Berth (once for equal questions at the same time) and
*nginx, nothing kept* ask the registry, the caches of nginx, HAProxy and Varnish do not, and neither knows who may have it. The CPU is compared with the peer that spends least.

${markdown}`,
      };
    } finally {
      for (const { server } of open) await server.stop();
      await origin.stop();
    }
  },
};

type OpenProxy = {
  name: string;
  peer: boolean;
  server: ServerProcess;
  base: string;
  /** Undefined: as many as all. */
  requests?: number;
  /** The one case that it is measured in. Undefined: all. */
  only?: string;
};

function peerAt(name: string, server: ServerProcess & { port: number }): OpenProxy {
  return { name, peer: true, server, base: `http://127.0.0.1:${server.port}` };
}

function registryAt(name: string, server: ServerProcess & { port: number }): OpenProxy {
  return { ...peerAt(name, server), requests: FEWER_REQUESTS };
}

const STARTS: readonly ((bench: Bench, origin: Origin) => Promise<OpenProxy>)[] = [
  async ({ workspace }, { registryPort }) =>
    peerAt(NGINX, await startNginxCache(workspace, { port: registryPort })),
  async ({ workspace }, { registryPort }) => ({
    ...peerAt(
      'nginx, nothing kept',
      await startNginxProxy(workspace, 'memory', { storagePort: registryPort, tls: undefined }),
    ),
    only: BY_TAG,
  }),
  async ({ workspace }, { registryPort }) =>
    peerAt('HAProxy, cache', await startHaproxy(workspace, { upstreamPort: registryPort, cache: true })),
  async ({ workspace }, { registryPort }) =>
    peerAt('Varnish', await startVarnish(workspace, registryPort, 'keep')),
  async ({ workspace, distributionProgram }, origin) =>
    registryAt('distribution, pull-through', await startDistribution(workspace, distributionProgram, origin)),
  async ({ workspace }, origin) =>
    registryAt(
      'docker-registry (Debian), pull-through',
      await startDistribution(workspace, 'docker-registry', origin),
    ),
  async ({ workspace }, origin) => {
    const server = await startBerth(workspace, origin);
    return { name: 'Berth', peer: false, server, base: server.inline };
  },
];
