import type { SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { startHaproxy } from '../haproxy.ts';
import { startNginxProxy } from '../nginx.ts';
import { startOrigin } from '../origin.ts';
import type { ServerProcess } from '../server-process.ts';
import { tabulate } from '../tabulate.ts';
import { REPOSITORY } from '../workspace.ts';
import { measureRows } from './measure-rows.ts';
import { requestColumns } from './request-columns.ts';

const REQUESTS = 10_000;
const QUERY = `service=registry&scope=repository:${REPOSITORY}:pull`;

/** A client's request for a token, handed on to the upstream's token service. */
export const TOKEN: SectionRun = {
  name: 'token',
  title: 'Token requests',
  async run(bench) {
    const { workspace, options } = bench;
    const origin = await startOrigin(workspace, { tokens: true });
    const servers: ServerProcess[] = [];
    const keep = <T extends ServerProcess>(server: T): T => {
      servers.push(server);
      return server;
    };
    try {
      const { registryPort } = origin;
      const nginx = keep(
        await startNginxProxy(workspace, 'memory', { storagePort: registryPort, tls: undefined }),
      );
      const haproxy = keep(await startHaproxy(workspace, { upstreamPort: registryPort }));
      const berth = keep(await startBerth(workspace, origin));
      const subject = (name: string, peer: boolean, { pid }: ServerProcess, base: string) => ({
        name,
        peer,
        pid,
        url: `${base}/oauth2/token?${QUERY}`,
        status: 200,
      });
      const rows = await measureRows(
        bench,
        [
          subject('nginx', true, nginx, `http://127.0.0.1:${nginx.port}`),
          subject('HAProxy', true, haproxy, `http://127.0.0.1:${haproxy.port}`),
          subject('Berth', false, berth, berth.inline),
        ],
        REQUESTS,
      );
      const { markdown, figures } = tabulate(rows, requestColumns());
      return {
        figures,
        markdown: `A token of 1,200 characters, ${REQUESTS} requests per round over 32 kept connections, ${options.rounds} rounds, every row in each. No one keeps a token: each request is one to the
upstream's token service as well.

${markdown}`,
      };
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await origin.stop();
    }
  },
};
