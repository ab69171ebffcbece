import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  BlobServiceClient,
  newPipeline,
  type RequestPolicyFactory,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { TestAuthority } from '../support/ca.ts';
import { HOSTS } from './hosts-file.ts';
import { type Daemon, startDaemon, waitUntil } from './process.ts';

export type Storage = {
  readonly host: string;
  readonly account: string;
  readonly key: string;
  readonly container: string;
  /** Another one, unless it is there. */
  createContainer(name: string): Promise<void>;
  /** Every blob of it. */
  emptyContainer(name: string): Promise<void>;
  readonly daemon: Daemon;
};

const START_TIMEOUT_MS = 60_000;

export function createAccountKey(): string {
  return randomBytes(64).toString('base64');
}

/** Whether something listens at an address; also used for the other servers of the run. */
export function listens(address: string, port = 443): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, address);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * Azurite at the address of an account's real host name, port 443, with one container; its log has a line for every
 * request. With `kept` its data is on disk, and is there again when it is started again with the same key.
 */
export async function startStorage(
  authority: TestAuthority,
  directory: string,
  host: { readonly name: string; readonly address: string } = HOSTS.storage,
  kept?: { readonly key: string },
): Promise<Storage> {
  const account = host.name.split('.')[0] ?? '';
  const key = kept?.key ?? createAccountKey();
  const leaf = await authority.issue([host.name]);
  const workspace = join(directory, `azurite-${account}`);
  await mkdir(workspace, { recursive: true });
  const daemon = await startDaemon(
    'azurite',
    [
      process.execPath,
      createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js'),
      `--blobHost=${host.address}`,
      '--blobPort=443',
      `--cert=${leaf.certFile}`,
      `--key=${leaf.keyFile}`,
      ...(kept === undefined ? ['--inMemoryPersistence'] : [`--location=${workspace}`]),
      '--skipApiVersionCheck',
      '--disableTelemetry',
    ],
    {
      logFile: join(directory, `azurite-${account}.log`),
      cwd: workspace,
      env: { PATH: process.env['PATH'], AZURITE_ACCOUNTS: `${account}:${key}` },
    },
  );
  await waitUntil('azurite', () => listens(host.address), { daemon, timeoutMs: START_TIMEOUT_MS });
  const withClient = async (act: (client: BlobServiceClient) => Promise<unknown>): Promise<void> => {
    const agent = new Agent({ ca: authority.cert });
    const withAgent: RequestPolicyFactory = {
      create: (next) => ({
        sendRequest: (request) => {
          request.agent = agent;
          return next.sendRequest(request);
        },
      }),
    };
    const pipeline = newPipeline(new StorageSharedKeyCredential(account, key));
    pipeline.factories.push(withAgent);
    try {
      await act(new BlobServiceClient(`https://${host.name}`, pipeline));
    } finally {
      agent.destroy();
    }
  };
  const createContainer = (name: string) =>
    withClient((client) => client.getContainerClient(name).createIfNotExists());
  const emptyContainer = (name: string) =>
    withClient(async (client) => {
      const container = client.getContainerClient(name);
      for await (const blob of container.listBlobsFlat()) await container.deleteBlob(blob.name);
    });
  const container = 'registry';
  await createContainer(container);
  return { host: host.name, account, key, container, createContainer, emptyContainer, daemon };
}
