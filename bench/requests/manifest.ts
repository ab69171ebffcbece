import type { SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { startNginxCache } from '../cold/nginx-cache.ts';
import { tabulate } from '../tabulate.ts';
import { startManifestOrigin } from './manifest-origin.ts';
import { measureRequests, type RequestFigures, type RequestSubject } from './measure-requests.ts';
import { requestColumns } from './request-columns.ts';

const NGINX = 'nginx, proxy_cache';
const REQUESTS = 20_000;
/** Code is compiled and everything cached by then. */
const WARM_UP = 10_000;

/** A manifest that the proxy has, for a client that may have it. */
export const MANIFEST: SectionRun = {
  name: 'manifest',
  title: 'Manifest by digest, decision kept',
  async run({ workspace, options, say }) {
    const origin = await startManifestOrigin(workspace);
    const nginx = await startNginxCache(workspace, origin.registryPort);
    const berth = await startBerth(workspace, origin);
    const subjects: RequestSubject[] = [
      { name: NGINX, pid: nginx.pid, url: `http://127.0.0.1:${nginx.port}${origin.path}`, status: 200 },
      { name: 'Berth', pid: berth.pid, url: `${berth.inline}${origin.path}`, status: 200 },
    ];
    const figures = new Map<string, RequestFigures[]>(subjects.map(({ name }) => [name, []]));
    try {
      for (const subject of subjects) await measureRequests(subject, WARM_UP);
      for (let round = 0; round < options.rounds; round += 1) {
        for (const subject of subjects)
          figures.get(subject.name)?.push(await measureRequests(subject, REQUESTS));
      }
    } finally {
      await Promise.all([berth.stop(), nginx.stop()]);
      await origin.stop();
    }
    const rows = [...figures].map(([name, rounds]) => ({ name, peer: name === NGINX, rounds }));
    const table = tabulate(rows, requestColumns({ head: '× nginx', to: { row: NGINX } }));
    say(`manifest\n${table.markdown}`);
    return {
      figures: table.figures,
      markdown: `A manifest of ${origin.bytes} bytes, ${REQUESTS} requests per round over 32 kept connections, ${options.rounds} rounds, every row in each. The load generator is one Node process and
shares the cores: where it is the limit, the rates say less than the CPU.

${table.markdown}`,
    };
  },
};
