import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { checkConfiguration } from '../check-configuration.ts';
import { freePort, type ServerProcess, startServer } from '../server-process.ts';
import type { Workspace } from '../workspace.ts';

export type VarnishMode = 'keep' | 'pass';

/** Room for every blob of a section. */
const STORAGE = '6g';

/**
 * Varnish in front of one server, plain on both sides: it has no TLS of its own. Its cache is memory. `pass`: it keeps nothing.
 */
export async function startVarnish(
  workspace: Workspace,
  upstreamPort: number,
  mode: VarnishMode,
): Promise<ServerProcess & { port: number; directory: string }> {
  const port = await freePort();
  const name = workspace.uniqueName('varnish');
  const directory = mkdtempSync(join(workspace.directory, `${name}-`));
  const configFile = join(workspace.directory, `${name}.vcl`);
  writeFileSync(configFile, formatVarnish(upstreamPort, mode));
  // Without a jail: everything of the benchmark belongs to whoever runs it.
  const place = ['-j', 'none', '-n', directory];
  checkConfiguration('varnishd', [...place, '-C', '-f', configFile]);
  const server = await startServer({
    command: 'varnishd',
    args: [
      ...place,
      '-F',
      `-f${configFile}`,
      `-a127.0.0.1:${port}`,
      `-smalloc,${STORAGE}`,
      // Threads for all clients of a section are there from the start.
      '-pthread_pool_min=200',
      '-pthread_pool_max=2000',
      '-phttp_gzip_support=off',
    ],
    port,
    logFile: join(workspace.directory, `${name}.log`),
  });
  return { ...server, port, directory };
}

export function formatVarnish(upstreamPort: number, mode: VarnishMode): string {
  return `vcl 4.1;
backend origin {
  .host = "127.0.0.1";
  .port = "${upstreamPort}";
  .first_byte_timeout = 600s;
  .between_bytes_timeout = 600s;
}
sub vcl_recv {
  ${mode === 'pass' ? 'return (pass);' : 'unset req.http.Cookie;'}
}
sub vcl_backend_response {
  set beresp.ttl = 1d;
  set beresp.do_stream = true;
}
`;
}
