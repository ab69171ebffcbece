import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { type Berth, commonFields, DATA_FIELDS, startBerth } from '../berth.ts';
import { HOSTS } from '../hosts-file.ts';
import { type Storage, startStorage } from '../storage.ts';
import { USERS } from '../token-service.ts';
import { bearer } from '../upload-image.ts';
import type { World } from '../world.ts';
import type { Facts } from './facts.ts';

/** A Berth of its own, read-only, that can be switched; and an account of somebody else, under the same wildcard. */
export type ClosedScene = {
  readonly berth: Berth;
  readonly keyFile: string;
  readonly auditFile: string;
  readonly attacker: Storage;
  readonly facts: Facts;
  end(): Promise<void>;
};

/** Of the link that the attacker hands to somebody inside, in seconds. */
const DROP_LIFETIME_SECONDS = 3600;

export async function openClosedScene(world: World): Promise<ClosedScene> {
  const directory = join(world.directory, 'closed');
  await mkdir(directory);
  const attacker = await startStorage(world.authority, directory, HOSTS.attacker);
  const auditFile = join(directory, 'audit.jsonl');
  const berth = await startBerth(world.authority, directory, {
    doors: [HOSTS.closedLogin, HOSTS.closedData],
    metricsPort: 9465,
    config: {
      stateDirectory: join(directory, 'state'),
      admin: { socket: join(directory, 'admin.sock') },
      audit: { file: auditFile },
      registries: [
        {
          name: 'closed',
          loginServer: HOSTS.closedLogin.name,
          delivery: 'dedicated',
          push: false,
          ...commonFields(world.authority),
          ...DATA_FIELDS,
        },
      ],
    },
  }).catch(async (error: unknown) => {
    await attacker.daemon.end();
    throw error;
  });
  const end = async () => {
    await berth.daemon.end();
    await attacker.daemon.end();
  };
  try {
    const facts = await learnFacts(world, attacker);
    return { berth, keyFile: join(directory, 'ticket.keys'), auditFile, attacker, facts, end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function learnFacts(world: World, attacker: Storage): Promise<Facts> {
  const login = HOSTS.closedLogin.name;
  const repository = 'public/app';
  // Some answers are the blob itself, and come back from the clients' side as JSON.
  const layers = world.images.app.manifests[0]?.layers ?? [];
  const layer = layers.find(({ bytes }) => bytes.length > 1000 && bytes.length < 200_000);
  if (layer === undefined) throw new Error('a test image without a small layer');
  const authorization = await bearer(
    world.http,
    `https://${login}/oauth2/token`,
    world.tokens.service,
    `repository:${repository}:pull,push,delete`,
    ['pusher', USERS.pusher],
  );
  const url = `https://${login}/v2/${repository}/blobs/${layer.digest}`;
  return {
    login,
    data: HOSTS.closedData.name,
    attacker: { host: attacker.host, address: HOSTS.attacker.address },
    behind: [HOSTS.storage, HOSTS.upstream, HOSTS.token],
    repository,
    digest: layer.digest,
    authorization,
    ticket: await ticketOf(world, url, authorization),
    drop: dropLink(attacker),
    loot: `loot ${randomBytes(16).toString('hex')}`,
  };
}

/** Path and query of the link that a login server gives out for a blob. */
export async function ticketOf(world: World, url: string, authorization: string): Promise<string> {
  const redirect = await world.http.send('GET', url, { headers: { authorization } });
  if (redirect.status !== 307) throw new Error(`${url}: ${redirect.status}, want a redirect`);
  const { pathname, search } = new URL(String(redirect.headers['location']));
  return `${pathname}${search}`;
}

function dropLink({ account, key, container }: Storage): string {
  const blobName = 'loot';
  const query = generateBlobSASQueryParameters(
    {
      containerName: container,
      blobName,
      permissions: BlobSASPermissions.parse('racw'),
      protocol: SASProtocol.Https,
      expiresOn: new Date(Date.now() + DROP_LIFETIME_SECONDS * 1000),
    },
    new StorageSharedKeyCredential(account, key),
  );
  return `/${container}/${blobName}?${query.toString()}`;
}
