import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request } from 'node:https';
import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import type { TestAuthority } from '../../support/ca.ts';
import type { Storage } from '../storage.ts';

/** Stands before a registry and signs its links anew, for a few seconds each; everything else passes as it is. */
export type ReSigner = {
  /** Links given out. */
  readonly links: () => number;
  close(): Promise<void>;
};

export async function startReSigner(options: {
  readonly authority: TestAuthority;
  readonly storage: Storage;
  readonly linkSeconds: number;
  readonly host: { readonly name: string; readonly address: string };
  /** Address of the registry, which knows itself by the same name. */
  readonly behind: string;
}): Promise<ReSigner> {
  const { authority, storage, linkSeconds, host, behind } = options;
  const credential = new StorageSharedKeyCredential(storage.account, storage.key);
  let links = 0;

  function signAnew(location: string): string {
    const url = new URL(location);
    if (url.hostname !== storage.host) return location;
    const [, containerName = '', ...rest] = url.pathname.split('/');
    const query = generateBlobSASQueryParameters(
      {
        containerName,
        blobName: decodeURIComponent(rest.join('/')),
        permissions: BlobSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + linkSeconds * 1000),
      },
      credential,
    );
    links += 1;
    return `${url.origin}${url.pathname}?${query.toString()}`;
  }

  function pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method, url: path, headers } = incoming;
    const onward = request(
      { host: behind, port: 443, servername: host.name, ca: authority.cert, method, path, headers },
      (answer) => {
        const { location } = answer.headers;
        outgoing.writeHead(answer.statusCode ?? 502, {
          ...answer.headers,
          ...(location !== undefined && { location: signAnew(location) }),
        });
        answer.on('error', () => outgoing.destroy());
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.on('error', () => onward.destroy());
    incoming.pipe(onward);
  }

  const leaf = await authority.issue([host.name]);
  const server = createServer({ cert: leaf.cert, key: leaf.key }, pass);
  server.listen(443, host.address);
  await once(server, 'listening');
  return {
    links: () => links,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
