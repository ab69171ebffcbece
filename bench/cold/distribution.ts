import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin } from '../origin.ts';
import { freePort, type ServerProcess, startServer } from '../server-process.ts';
import type { TlsFiles } from '../tls-files.ts';
import type { Workspace } from '../workspace.ts';

/** A `registry` of the distribution project, 2.8 or 3, as a pull-through cache of the origin's registry, with an empty directory. */
export async function startDistribution(
  workspace: Workspace,
  program: string,
  origin: Pick<Origin, 'registryPort' | 'tls'>,
  tls?: TlsFiles,
): Promise<ServerProcess & { port: number; directory: string }> {
  const port = await freePort();
  const name = workspace.uniqueName('distribution');
  const directory = join(workspace.directory, `${name}-files`);
  mkdirSync(directory);
  const config = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: directory }, maintenance: { uploadpurging: { enabled: false } } },
    http: {
      addr: `127.0.0.1:${port}`,
      ...(tls === undefined ? {} : { tls: { certificate: tls.certFile, key: tls.keyFile } }),
    },
    proxy: {
      remoteurl: `${origin.tls === undefined ? 'http' : 'https'}://127.0.0.1:${origin.registryPort}`,
    },
  };
  const configFile = join(workspace.directory, `${name}.json`);
  // JSON is YAML, too.
  writeFileSync(configFile, JSON.stringify(config));
  const server = await startServer({
    command: program,
    args: ['serve', configFile],
    port,
    logFile: join(workspace.directory, `${name}.log`),
    environment: {
      ...process.env,
      OTEL_TRACES_EXPORTER: 'none',
      ...(origin.tls === undefined ? {} : { SSL_CERT_FILE: origin.tls.caFile }),
    },
  });
  return { ...server, port, directory };
}
