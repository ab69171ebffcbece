import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Origin } from './nginx.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';
import type { Workspace } from './workspace.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts');

export type Berth = ServerProcess & {
  port: number;
  /** Origin of the registry that answers blobs itself. */
  inline: string;
  /** Origin of the registry that sends blobs to its data endpoint. */
  dedicated: string;
};

/** One Berth process with the defaults of a deployment, two registries, one upstream that redirects to the storage. */
export async function startBerth(workspace: Workspace, origin: Origin, name = 'berth'): Promise<Berth> {
  const port = await freePort();
  const keyFile = join(workspace.directory, 'ticket.keys');
  const configFile = join(workspace.directory, `${name}.yaml`);
  writeFileSync(configFile, configuration({ port, keyFile, origin }));
  if (!existsSync(keyFile)) {
    execFileSync(process.execPath, [MAIN, 'ticket-key', 'generate', '--config', configFile], {
      stdio: 'pipe',
    });
  }
  const server = await startServer({
    command: process.execPath,
    args: [MAIN, 'serve', '--config', configFile],
    port,
    logFile: join(workspace.directory, `${name}.log`),
  });
  return {
    ...server,
    port,
    inline: `http://inline.localhost:${port}`,
    dedicated: `http://login.localhost:${port}`,
  };
}

function configuration({ port, keyFile, origin }: { port: number; keyFile: string; origin: Origin }): string {
  const upstream = `
    scheme: http
    upstream:
      url: http://127.0.0.1:${origin.registryPort}
      allowedPrivateAddresses: [127.0.0.0/8]
    push: false
    redirectHosts: ["127.0.0.1:${origin.storagePort}"]`;
  return `
listeners:
  - address: 127.0.0.1
    port: ${port}
metrics: null
# One address plays all clients.
limits: { connectionsPerClient: null, requestsPerClient: null, transfersPerClient: null }
ticket:
  keyFile: ${keyFile}
registries:
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
