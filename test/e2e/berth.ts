import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestAuthority } from '../support/ca.ts';
import { DISK_CACHE } from '../support/disk-cache.ts';
import { IMAGE_ENVIRONMENT } from '../support/image-environment.ts';
import { HOSTS, SUBNET } from './hosts-file.ts';
import { type Daemon, type Output, run, startDaemon, waitUntil } from './process.ts';
import { listens } from './storage.ts';

export type RegistryName = 'contoso' | 'hub' | 'inline' | 'passthrough';

export type Endpoints = {
  readonly loginServer: string;
  /** Exact host names, or a wildcard where data endpoints are off. */
  readonly dataEndpoints: readonly string[];
};

export type Berth = {
  readonly daemon: Daemon;
  readonly configFile: string;
  /** The command line tool itself, with `--config` added. */
  command(args: readonly string[]): Promise<Output>;
  /** What `berth show-endpoints` prints. */
  endpoints(name: string): Promise<Endpoints>;
  readLog(): Promise<string>;
  metrics(): Promise<string>;
};

/** What `berth` runs. */
export const BERTH_MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Milliseconds to be ready in; an end before that is noticed at once, so that it may be many times what a busy machine needs. */
const START_TIMEOUT_MS = 120_000;
/** TCP port of the main Berth's console, on loopback. */
export const CONSOLE_PORT = 9475;
/** What a Berth of the run is given; its files are in the folder that it is started in. */
export type BerthSetup = {
  /** One listener per host, each on its own address; `alias`: another host at the same one. */
  readonly doors: readonly { readonly name: string; readonly alias?: string; readonly address: string }[];
  readonly metricsPort: number;
  /** Further fields of each listener. */
  readonly listener?: Readonly<Record<string, unknown>>;
  /** Another Berth has made the ticket keys. */
  readonly hasKeys?: boolean;
  /** As in the configuration; further top-level fields, too. */
  readonly config: { readonly registries: readonly unknown[] } & Readonly<Record<string, unknown>>;
};

/** What all registries have that the distribution registry is behind. */
export function commonFields(authority: TestAuthority) {
  const upstream = {
    url: `https://${HOSTS.upstream.name}`,
    tokenHosts: [HOSTS.token.name],
    caFile: authority.caFile,
    allowedPrivateAddresses: [SUBNET],
  };
  return { upstream, redirectHosts: ['*.blob.core.windows.net'] };
}

export const DATA_FIELDS = {
  dataEndpoint: '{registry}.{region}.data.registry.example',
  regions: [{ name: 'westeurope', match: ['weu*.blob.core.windows.net'] }],
} as const;

/** One registry per delivery, and one that stands in for Docker Hub. */
function mainSetup(authority: TestAuthority, directory: string): BerthSetup {
  const common = commonFields(authority);
  const registries: readonly ({ readonly name: RegistryName } & Readonly<Record<string, unknown>>)[] = [
    { name: 'contoso', loginServer: HOSTS.login.name, delivery: 'dedicated', ...common, ...DATA_FIELDS },
    {
      name: 'hub',
      loginServer: HOSTS.mirrorLogin.name,
      delivery: 'dedicated',
      push: false,
      namespaces: ['docker.io'],
      ...common,
      ...DATA_FIELDS,
    },
    { name: 'inline', loginServer: HOSTS.inline.name, delivery: 'inline', ...common },
    { name: 'passthrough', loginServer: HOSTS.passthrough.name, delivery: 'passthrough', ...common },
  ];
  const doors = [
    HOSTS.login,
    HOSTS.data,
    HOSTS.mirrorLogin,
    HOSTS.mirrorData,
    HOSTS.inline,
    HOSTS.passthrough,
  ];
  const cache = DISK_CACHE ? { cache: { directory: join(directory, 'cache'), maxBytes: '4GiB' } } : {};
  return {
    doors,
    metricsPort: 9464,
    config: {
      log: { level: 'info' },
      console: { port: CONSOLE_PORT },
      admin: { socket: join(directory, 'admin.sock') },
      ...cache,
      registries,
    },
  };
}

async function writeConfig(authority: TestAuthority, directory: string, setup: BerthSetup): Promise<string> {
  const listeners = [];
  for (const { name, alias, address } of setup.doors) {
    const leaf = await authority.issue([name, ...(alias === undefined ? [] : [alias])]);
    const certificates = [{ cert: leaf.certFile, key: leaf.keyFile }];
    listeners.push({ address, port: 443, tls: { certificates }, ...setup.listener });
  }
  const config = {
    listeners,
    metrics: { address: '127.0.0.1', port: setup.metricsPort },
    ticket: { keyFile: join(directory, 'ticket.keys') },
    ...setup.config,
  };
  const file = join(directory, 'berth.yaml');
  // JSON is YAML, too.
  await writeFile(file, JSON.stringify(config, null, 2));
  return file;
}

type Shown = {
  readonly loginServer: string;
  readonly dataEndpoints: readonly { readonly endpoint: string }[];
};

function readEndpoints(stdout: string): Endpoints {
  const shown: Shown = JSON.parse(stdout);
  const dataEndpoints = shown.dataEndpoints.map(({ endpoint }) => endpoint);
  return { loginServer: shown.loginServer, dataEndpoints };
}

async function fetchText(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.text();
}

/** Checks the configuration, makes the ticket keys and starts `berth serve`, all by Berth's own commands. */
export async function startBerth(
  authority: TestAuthority,
  directory: string,
  setup: BerthSetup = mainSetup(authority, directory),
): Promise<Berth> {
  const { doors, metricsPort } = setup;
  const configFile = await writeConfig(authority, directory, setup);
  const env = { PATH: process.env['PATH'], ...IMAGE_ENVIRONMENT };
  const berth = (args: readonly string[]) => run([process.execPath, BERTH_MAIN, ...args], { env });
  await berth(['check', configFile]);
  if (setup.hasKeys !== true) await berth(['ticket-key', 'generate', '--config', configFile]);
  const logFile = join(directory, 'berth.log');
  const argv = [process.execPath, BERTH_MAIN, 'serve', '--config', configFile];
  const daemon = await startDaemon('berth', argv, { logFile, env });
  try {
    const ready = async () => {
      await fetchText(metricsPort, '/readyz');
      return listens(doors.at(-1)?.address ?? '');
    };
    await waitUntil('berth', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
  } catch (error) {
    await daemon.end();
    const log = await readFile(logFile, 'utf8');
    throw new Error(`${String(error)}\n${log.slice(-2000)}`, { cause: error });
  }
  const command = (args: readonly string[]) => berth([...args, '--config', configFile]);
  return {
    daemon,
    configFile,
    command,
    endpoints: async (name) =>
      readEndpoints((await command(['show-endpoints', '--name', name, '-o', 'json'])).stdout),
    readLog: () => readFile(logFile, 'utf8'),
    metrics: () => fetchText(metricsPort, '/metrics'),
  };
}
