import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { formatTicketKeys, generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import { type BrokenUpstream, startBrokenUpstream } from '../support/broken-upstream.ts';
import {
  type FixtureRegistry,
  type FixtureRegistryOptions,
  startFixtureRegistry,
} from '../support/fixture-registry.ts';
import { digestOf, MANIFEST_TYPE, pseudoRandomBytes } from '../support/image.ts';
import { until } from '../support/until.ts';
import { REPOSITORY } from './scene.ts';

/** Berth as a program with two workers, before a registry and a storage host. */
export type WorkersScene = {
  readonly registry: FixtureRegistry;
  readonly storage: BrokenUpstream;
  readonly directory: string;
  readonly configFile: string;
  readonly blob: Buffer;
  readonly digest: string;
  readonly blobPath: string;
  readonly primary: ChildProcess;
  /** Of each listener, in the configuration's order. */
  readonly ports: readonly number[];
  /** Of the console; 0: there is none. */
  readonly consolePort: number;
  readonly log: Record<string, unknown>[];
  /** Process id by worker, as the log has told last. */
  pids(): ReadonlyMap<number, number>;
  /** The workers that have answered a request so far, by its id. */
  workerOf(requestId: string): Promise<number>;
  /** A request on a connection of its own. */
  send(path: string, options?: SendOptions): Promise<Answer>;
  /** Sends until each worker has answered once. */
  sendToEach(path: string, options?: SendOptions): Promise<ReadonlyMap<number, Answer>>;
  /** Sum of a metric's series with these labels. */
  metric(name: string, labels?: string): Promise<number>;
  /** All of `/metrics`. */
  scrape(): Promise<string>;
  ready(): Promise<number>;
  rewrite(change: (config: Record<string, unknown>) => void): void;
};

export type SendOptions = {
  /** In place of the login server's. */
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly body?: Buffer;
  /** Told with the header section. */
  readonly onAnswered?: (headers: IncomingHttpHeaders) => void;
  /** The body is not read before this resolves. */
  readonly readAfter?: Promise<unknown>;
};

export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly isComplete: boolean;
};

/** Three programs one after the other, on a machine that does many things at once. */
const START_BOUND_MS = 60_000;

const MAIN = join(import.meta.dirname, '../../src/main.ts');
export const LOGIN = 'contoso.localhost';

export async function openWorkers(
  t: Test,
  options: {
    readonly blobBytes?: number;
    readonly registry?: (storagePort: number) => Record<string, unknown>;
    readonly upstream?: Record<string, unknown>;
    readonly config?: Record<string, unknown>;
    readonly fixture?: FixtureRegistryOptions;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<WorkersScene> {
  const blob = pseudoRandomBytes('workers', options.blobBytes ?? 8 * 1024 * 1024);
  const digest = digestOf(blob);
  const storage = await startBrokenUpstream({ bytes: blob, name: 'localhost' });
  t.teardown(() => storage.close());
  const registry = await startFixtureRegistry({
    blobs: { kind: 'redirect', locate: () => storage.url },
    ...options.fixture,
  });
  t.teardown(() => registry.close());
  registry.store.putBlob(REPOSITORY, digest, blob);
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { digest }, layers: [] }),
  );
  registry.store.putManifest(REPOSITORY, 'latest', MANIFEST_TYPE, manifest);
  const directory = t.testdir({});
  writeFileSync(join(directory, 'ticket.keys'), formatTicketKeys(generateTicketKeys()), { mode: 0o600 });
  const config: Record<string, unknown> = {
    workers: 2,
    listeners: [{ address: '127.0.0.1', port: 0 }],
    metrics: { address: '127.0.0.1', port: 0 },
    ticket: { keyFile: 'ticket.keys' },
    stateDirectory: 'state',
    cache: { directory: 'cache' },
    ...options.config,
    registries: [
      {
        name: 'contoso',
        loginServer: LOGIN,
        scheme: 'http',
        upstream: {
          url: registry.url,
          allowedPrivateAddresses: ['127.0.0.0/8'],
          ...options.upstream,
        },
        redirectHosts: [`localhost:${storage.port}`],
        delivery: 'inline',
        ...options.registry?.(storage.port),
      },
    ],
  };
  const configFile = join(directory, 'berth.yaml');
  const write = (): void => writeFileSync(configFile, JSON.stringify(config));
  write();
  const primary = spawn(process.execPath, [MAIN, 'serve', '--config', configFile], {
    env: { PATH: process.env['PATH'], BERTH_LOG_LEVEL: 'debug', ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    if (primary.exitCode !== null || primary.signalCode !== null) return;
    primary.kill('SIGTERM');
    await once(primary, 'exit');
  });
  const log: Record<string, unknown>[] = [];
  createInterface({ input: primary.stdout }).on('line', (line) => log.push(JSON.parse(line)));
  const bound = (name: string): number[] =>
    log
      .filter(({ msg }) => msg === 'listening')
      .flatMap((line) => line[name])
      .filter((address) => typeof address === 'string')
      .map((address) => Number(address.split(':').at(-1)));
  await until(
    () => {
      if (primary.exitCode !== null) throw new Error(`Berth ended: ${JSON.stringify(log)}`);
      return bound('listeners').length > 0;
    },
    'it listens',
    START_BOUND_MS,
  );
  const ports = bound('listeners');
  const [[port = 0], [metricsPort = 0], [consolePort = 0]] = [ports, bound('metrics'), bound('console')];

  const send: WorkersScene['send'] = (path, wanted = {}) => sendOnce(port, LOGIN, path, wanted);

  async function workerOf(requestId: string): Promise<number> {
    let line: Record<string, unknown> | undefined;
    await until(() => {
      line = log.find((one) => one['requestId'] === requestId && 'status' in one);
      return line !== undefined;
    }, `the access line of ${requestId}`);
    return Number(line?.['worker']);
  }

  async function scrape(): Promise<string> {
    return (await sendOnce(metricsPort, 'localhost', '/metrics', {})).body.toString();
  }

  return {
    registry,
    storage,
    directory,
    configFile,
    blob,
    digest,
    blobPath: `/v2/${REPOSITORY}/blobs/${digest}`,
    primary,
    ports,
    consolePort,
    log,
    pids: () =>
      new Map(
        log.flatMap((line) =>
          line['msg'] === 'worker listens' ? [[Number(line['worker']), Number(line['pid'])] as const] : [],
        ),
      ),
    workerOf,
    send,
    async sendToEach(path, wanted) {
      const answers = new Map<number, Answer>();
      // Which worker gets a connection is the system's choice: by chance one is left out once in 2^40 times.
      for (let tries = 0; answers.size < 2 && tries < 40; tries += 1) {
        const answer = await send(path, wanted);
        answers.set(await workerOf(String(answer.headers['x-request-id'])), answer);
      }
      return answers;
    },
    async metric(name, labels = '') {
      return (await scrape())
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => line.includes(labels))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    scrape,
    ready: async () => (await sendOnce(metricsPort, 'localhost', '/readyz', {})).status,
    rewrite(change) {
      change(config);
      write();
    },
  };
}

/** Follows what a login server answers to the data endpoint, which is the same listener by another name. */
export function sendOnce(port: number, host: string, path: string, wanted: SendOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method: wanted.method ?? 'GET',
      headers: { host: wanted.host ?? host, ...wanted.headers },
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      wanted.onAnswered?.(headers);
      const chunks: Buffer[] = [];
      const end = (): void =>
        resolve({ status, headers, body: Buffer.concat(chunks), isComplete: response.complete });
      response.on('error', () => undefined);
      response.on('close', end);
      void (wanted.readAfter ?? Promise.resolve()).then(() =>
        response.on('data', (chunk: Buffer) => chunks.push(chunk)),
      );
    });
    outgoing.end(wanted.body);
  });
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A transfer that has begun and stands still until `go`. */
export async function beginTransfer(scene: WorkersScene) {
  const { promise: gone, resolve: go } = Promise.withResolvers<void>();
  const { promise: answered, resolve: onAnswered } = Promise.withResolvers<string>();
  const ended = scene.send(scene.blobPath, {
    onAnswered: (headers) => onAnswered(String(headers['x-request-id'])),
    readAfter: gone,
  });
  const requestId = await answered;
  return { requestId, go, ended };
}
