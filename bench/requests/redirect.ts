import { rmSync } from 'node:fs';

import type { SectionRun } from '../bench.ts';
import { startBerth } from '../berth.ts';
import { startNginx, startNginxProxy } from '../nginx.ts';
import { startOrigin } from '../origin.ts';
import { freePort, type ServerProcess } from '../server-process.ts';
import { tabulate } from '../tabulate.ts';
import type { Workspace } from '../workspace.ts';
import { measureRows } from './measure-rows.ts';
import { requestColumns } from './request-columns.ts';

const REQUESTS = 20_000;
const STATUS = 307;

/** A blob request that is answered with a redirect, from the first byte of the request to the last of the answer. */
export const REDIRECT: SectionRun = {
  name: 'redirect',
  title: 'Blob requests answered with a redirect',
  async run(bench) {
    const { workspace, options } = bench;
    const blob = workspace.addBlob(1);
    const origin = await startOrigin(workspace);
    const servers: ServerProcess[] = [];
    const keep = <T extends ServerProcess>(server: T): T => {
      servers.push(server);
      return server;
    };
    try {
      const fixed = keep(await startFixedRedirect(workspace));
      const passed = keep(
        await startNginxProxy(workspace, 'memory', { storagePort: origin.registryPort, tls: undefined }),
      );
      const berth = keep(await startBerth(workspace, origin));
      const subject = (name: string, peer: boolean, { pid }: ServerProcess, base: string) => ({
        name,
        peer,
        pid,
        url: `${base}${blob.path}`,
        status: STATUS,
      });
      const rows = await measureRows(
        bench,
        [
          subject('nginx, `return 307`, always the same', true, fixed, `http://127.0.0.1:${fixed.port}`),
          subject("nginx, the registry's own 307", true, passed, `http://127.0.0.1:${passed.port}`),
          subject('Berth, a ticket each time', false, berth, berth.dedicated),
        ],
        REQUESTS,
      );
      const { markdown, figures } = tabulate(rows, requestColumns());
      return {
        figures,
        markdown: `${REQUESTS} requests per round over 32 kept connections, ${options.rounds} rounds, every row in each. Berth has the decision and where the blob is, checks both, and seals a ticket of its
own into every answer; it is to spend less than 150 µs. The first row answers with a constant, the least that an answer of HTTP can cost; the second asks the registry each
time, and its clients need access to the storage.

${markdown}`,
      };
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await origin.stop();
      rmSync(blob.file);
    }
  },
};

/** As long as a link to an object store. */
const LINK_CHARACTERS = 400;

async function startFixedRedirect(workspace: Workspace): Promise<ServerProcess & { port: number }> {
  const port = await freePort();
  const link = `https://data.localhost/$uri?t=${'t'.repeat(LINK_CHARACTERS)}`;
  const server = await startNginx(
    workspace,
    'redirect',
    port,
    `server { listen 127.0.0.1:${port}; location / { return ${STATUS} ${link}; } }`,
  );
  return { ...server, port };
}
