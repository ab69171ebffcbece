import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { IMAGE_ENVIRONMENT } from '../test/support/image-environment.ts';
import type { Origin } from './origin.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';
import type { TlsFiles } from './tls-files.ts';
import type { Workspace } from './workspace.ts';

const SOURCES = join(import.meta.dirname, '..', 'src');
const MAIN = join(SOURCES, 'main.ts');
/** Milliseconds between two looks at the log. */
const LOG_INTERVAL_MS = 25;

export type Berth = ServerProcess & {
  port: number;
  /** Origin of the registry that answers blobs itself. */
  inline: string;
  /** Origin of the registry that sends blobs to its data endpoint. */
  dedicated: string;
};

type BerthOrigin = Pick<Origin, 'registryPort' | 'storagePort' | 'tls'>;

export type BerthOptions = {
  /** Undefined: every client has a stream of its own. */
  cacheDirectory?: string;
  /** Registries that nobody asks for, before the others in the file. */
  furtherRegistries?: number;
  /** Open connections. Undefined: as many as by default. */
  connections?: number;
  /** Undefined: plain HTTP. */
  tls?: Pick<TlsFiles, 'certFile' | 'keyFile'>;
};

/** One Berth process with the defaults of a deployment and the environment of the image, two registries, one upstream that redirects to the storage. */
export async function startBerth(
  workspace: Workspace,
  origin: BerthOrigin,
  options: BerthOptions = {},
): Promise<Berth> {
  const port = await freePort();
  const name = workspace.uniqueName('berth');
  const keyFile = join(workspace.directory, 'ticket.keys');
  const configFile = join(workspace.directory, `${name}.yaml`);
  writeFileSync(configFile, configuration({ port, keyFile, origin, options }));
  const environment = imageEnvironment(workspace);
  if (!existsSync(keyFile)) {
    execFileSync(process.execPath, [MAIN, 'ticket-key', 'generate', '--config', configFile], {
      stdio: 'pipe',
      env: environment,
    });
  }
  const logFile = join(workspace.directory, `${name}.log`);
  const server = await startServer({
    command: process.execPath,
    args: [MAIN, 'serve', '--config', configFile],
    port,
    logFile,
    environment,
  });
  // With workers, the port is held for a moment before they listen.
  while (!readFileSync(logFile, 'utf8').includes('"msg":"listening"')) {
    if (!isRunning(server.pid)) throw new Error(`Berth has ended:\n${readFileSync(logFile, 'utf8')}`);
    await delay(LOG_INTERVAL_MS);
  }
  const scheme = options.tls === undefined ? 'http' : 'https';
  return {
    ...server,
    port,
    inline: `${scheme}://inline.localhost:${port}`,
    dedicated: `${scheme}://login.localhost:${port}`,
  };
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}/exe`);
}

/** With everything compiled beforehand, as in the image. */
export function imageEnvironment(workspace: Workspace): NodeJS.ProcessEnv {
  const compiled = join(workspace.directory, 'compile-cache');
  const environment = { ...process.env, ...IMAGE_ENVIRONMENT, NODE_COMPILE_CACHE: compiled };
  if (!existsSync(compiled)) {
    const sources = globSync(join(SOURCES, '**', '*.ts')).filter((file) => file !== MAIN);
    const load = sources.map((file) => `await import(${JSON.stringify(file)});`).join(' ');
    execFileSync(process.execPath, ['--input-type=module', '--eval', load], {
      stdio: 'pipe',
      env: environment,
    });
    execFileSync(process.execPath, [MAIN, '--version'], { stdio: 'pipe', env: environment });
  }
  return environment;
}

function configuration({
  port,
  keyFile,
  origin,
  options: { cacheDirectory, tls, furtherRegistries = 0, connections },
}: {
  port: number;
  keyFile: string;
  origin: BerthOrigin;
  options: BerthOptions;
}): string {
  const upstream = `
    scheme: ${tls === undefined ? 'http' : 'https'}
    upstream:
      url: ${origin.tls === undefined ? 'http' : 'https'}://127.0.0.1:${origin.registryPort}${origin.tls === undefined ? '' : `\n      caFile: ${origin.tls.caFile}`}
      allowedPrivateAddresses: [127.0.0.0/8]
    push: false
    redirectHosts: ["127.0.0.1:${origin.storagePort}"]`;
  return `
listeners:
  - address: 127.0.0.1
    port: ${port}${tls === undefined ? '' : `\n    tls: { certificates: [{ cert: ${tls.certFile}, key: ${tls.keyFile} }] }`}
metrics: null${cacheDirectory === undefined ? '' : `\ncache: { directory: ${cacheDirectory}, maxBytes: 16GiB }`}
# One address plays all clients.
limits: { connectionsPerClient: null, requestsPerClient: null, transfersPerClient: null${connections === undefined ? '' : `, connections: ${connections}`} }
ticket:
  keyFile: ${keyFile}
registries:${Array.from(
    { length: furtherRegistries },
    (_, at) => `
  - name: further${at}
    loginServer: further${at}.localhost:${port}
    delivery: dedicated
    dataEndpoint: further${at}-data.localhost:${port}
    regions:
      - { name: local, match: ["127.0.0.1:${origin.storagePort}"] }${upstream}`,
  ).join('')}
  - name: inline
    loginServer: inline.localhost:${port}
    delivery: inline${upstream}
  - name: dedicated
    loginServer: login.localhost:${port}
    delivery: dedicated
    dataEndpoint: data.localhost:${port}
    regions:
      - { name: local, match: ["127.0.0.1:${origin.storagePort}"] }${upstream}
`;
}
