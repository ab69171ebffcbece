import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { checkConfiguration } from './check-configuration.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';
import type { TlsFiles } from './tls-files.ts';
import type { Workspace } from './workspace.ts';

export type HaproxyOptions = {
  upstreamPort: number;
  /** TLS on both sides. Undefined: plain. */
  tls?: TlsFiles | undefined;
  /** Small answers are kept in memory; HAProxy keeps nothing large. */
  cache?: boolean;
};

/** HAProxy in front of one server. */
export async function startHaproxy(
  workspace: Workspace,
  options: HaproxyOptions,
): Promise<ServerProcess & { port: number }> {
  const port = await freePort();
  const name = workspace.uniqueName('haproxy');
  const configFile = join(workspace.directory, `${name}.cfg`);
  writeFileSync(configFile, formatHaproxy(port, options));
  checkConfiguration('haproxy', ['-c', '-f', configFile]);
  const server = await startServer({
    command: 'haproxy',
    args: ['-db', '-f', configFile],
    port,
    logFile: join(workspace.directory, `${name}.log`),
  });
  return { ...server, port };
}

/**
 * Plain content goes through pipes, from socket to socket within the kernel (`splice`, the larger the pipe the less it costs); where
 * there is TLS it goes through buffers.
 */
export function formatHaproxy(port: number, { upstreamPort, tls, cache = false }: HaproxyOptions): string {
  const bind = tls === undefined ? '' : ` ssl crt ${tls.pemFile} alpn http/1.1`;
  const server = tls === undefined ? '' : ` ssl verify required ca-file ${tls.caFile} sni str(localhost)`;
  return `global
  maxconn 4096
  tune.bufsize 65536
  tune.pipesize 1048576
defaults
  mode http
  option splice-response
  http-reuse always
  timeout connect 10s
  timeout client 10m
  timeout server 10m
${cache ? 'cache small\n  total-max-size 64\n  max-object-size 1000000\n  max-age 86400\n' : ''}frontend clients
  bind 127.0.0.1:${port}${bind}
  ${cache ? 'http-request cache-use small\n  http-response cache-store small' : ''}
  default_backend origin
backend origin
  server origin 127.0.0.1:${upstreamPort}${server}
`;
}
