import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { Agent } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  newPipeline,
  type RequestPolicyFactory,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { TestAuthority } from './ca.ts';
import { loopbackLookup } from './lookup.ts';

export type AzuriteBlob = {
  readonly account: string;
  readonly container: string;
  /** Begins with `/` in ACR's accounts: the literal `//` of its links is the blob's own name. */
  readonly blob: string;
};

export type Azurite = {
  readonly port: number;
  readonly accounts: readonly string[];
  /** `<account>.blob.core.windows.net:<port>`; the name resolves by `loopbackLookup` only. */
  host(account: string): string;
  accountKey(account: string): string;
  put(where: AzuriteBlob, bytes: Uint8Array): Promise<void>;
  get(where: AzuriteBlob): Promise<Buffer>;
  createContainer(account: string, container: string): Promise<void>;
  /** A SAS link as ACR makes it (`sp=r`) or, for `permissions: 'cw'`, one that may write. */
  signedUrl(
    where: AzuriteBlob,
    options?: {
      readonly expiresInSeconds?: number;
      readonly permissions?: 'r' | 'cw';
      readonly host?: string;
    },
  ): string;
  close(): Promise<void>;
};

/** Time for the child to say that it listens; it takes 1 to 2 s on two cores, far more when these are busy. */
const START_DEADLINE_MS = 60_000;

/**
 * Azurite (the Azure Blob emulator) as a child process: TLS by the test's authority, a port of the system's choice,
 * everything in memory, telemetry off.
 */
export async function startAzurite(
  authority: TestAuthority,
  accounts: readonly string[] = ['weureplstore76', 'eusreplstore28', 'wusmanaged15'],
): Promise<Azurite> {
  const leaf = await authority.issue(['*.blob.core.windows.net', '127.0.0.1']);
  const workspace = await mkdtemp(join(authority.directory, 'azurite-'));
  const keys = new Map(accounts.map((account) => [account, randomBytes(64).toString('base64')]));
  const child = fork(
    createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js'),
    `--blobHost 127.0.0.1 --blobPort 0 --inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent`
      .split(' ')
      .concat('--cert', leaf.certFile, '--key', leaf.keyFile),
    {
      cwd: workspace,
      // A parent that dies without close() must not leave its emulator behind.
      execArgv: ['--import', 'data:text/javascript,process.once("disconnect",()=>process.exit(0))'],
      env: {
        PATH: process.env['PATH'],
        AZURITE_ACCOUNTS: [...keys].map(([account, key]) => `${account}:${key}`).join(';'),
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  const port = await listeningPort(child);
  const agent = new Agent({ keepAlive: true, ca: authority.cert, lookup: loopbackLookup });
  const withAgent: RequestPolicyFactory = {
    create: (next) => ({
      sendRequest: (request) => {
        request.agent = agent;
        return next.sendRequest(request);
      },
    }),
  };
  const credential = (account: string): StorageSharedKeyCredential => {
    const key = keys.get(account);
    if (key === undefined) throw new Error(`azurite was started without the account "${account}"`);
    return new StorageSharedKeyCredential(account, key);
  };
  const host = (account: string) => `${account}.blob.core.windows.net:${port}`;
  const service = (account: string) => {
    const pipeline = newPipeline(credential(account), { retryOptions: { maxTries: 1 } });
    pipeline.factories.push(withAgent);
    return new BlobServiceClient(`https://${host(account)}`, pipeline);
  };
  const client = (where: AzuriteBlob) =>
    service(where.account).getContainerClient(where.container).getBlockBlobClient(where.blob);
  const createContainer = async (account: string, container: string) => {
    await service(account).getContainerClient(container).createIfNotExists();
  };
  return {
    port,
    accounts,
    host,
    createContainer,
    accountKey: (account) => keys.get(account) ?? '',
    async put(where, bytes) {
      await createContainer(where.account, where.container);
      await client(where).uploadData(bytes);
    },
    get: (where) => client(where).downloadToBuffer(),
    signedUrl(where, options = {}) {
      const { expiresInSeconds = 1200, permissions = 'r', host: shownHost = host(where.account) } = options;
      const query = generateBlobSASQueryParameters(
        {
          containerName: where.container,
          blobName: where.blob,
          permissions: BlobSASPermissions.parse(permissions),
          protocol: SASProtocol.Https,
          expiresOn: new Date(Date.now() + expiresInSeconds * 1000),
        },
        credential(where.account),
      );
      return `https://${shownHost}/${where.container}/${where.blob}?${acrOrder(query.toString())}`;
    },
    async close() {
      agent.destroy();
      // All of it is in memory: nothing to flush, and a polite end would wait for idle connections.
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** ACR's links carry their fields in the order se, sig, sp, spr, sr, sv and end with its own `regid`. */
function acrOrder(query: string): string {
  return [...query.split('&').toSorted(), `regid=${REGISTRY_ID}`].join('&');
}

const REGISTRY_ID = '980761fcffd84acb990689b218f5b394';

/** Where ACR keeps a blob: `/<16 hex of the digest>-<registry id>-<10 hex>//docker/registry/v2/blobs/…/data`. */
export function acrBlob(account: string, digest: string): AzuriteBlob {
  const [algorithm = '', hex = ''] = digest.split(':');
  return {
    account,
    container: `${hex.slice(0, 16)}-${REGISTRY_ID}-${hex.slice(-10)}`,
    blob: `/docker/registry/v2/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`,
  };
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`azurite ${why}; its output:\n${output}`));
    };
    const deadline = setTimeout(() => fail(`said no port within ${START_DEADLINE_MS} ms`), START_DEADLINE_MS);
    const settle = (action: () => void) => {
      clearTimeout(deadline);
      action();
    };
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const found = /successfully listens on https:\/\/[^:\s]+:(\d+)/.exec(output);
      if (found) settle(() => resolve(Number(found[1])));
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', (error) => settle(() => fail(`did not start: ${error.message}`)));
    child.once('exit', (code) => settle(() => fail(`ended with code ${code}`)));
  });
}
