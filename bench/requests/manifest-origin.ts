import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { startNginx } from '../nginx.ts';
import { freePort, type ServerProcess } from '../server-process.ts';
import { REPOSITORY, type Workspace } from '../workspace.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** An image of some forty layers. */
const MANIFEST_BYTES = 8 * 1024;

/** A registry with one manifest, whose blobs are at a storage; one nginx for both. */
export type ManifestOrigin = ServerProcess & {
  storagePort: number;
  registryPort: number;
  path: string;
  bytes: number;
};

export async function startManifestOrigin(workspace: Workspace): Promise<ManifestOrigin> {
  const [storagePort, registryPort] = [await freePort(), await freePort()];
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: `sha256:${'0'.repeat(64)}`,
    size: 2,
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config,
    layers: [],
    annotations: { fill: '' },
  };
  manifest.annotations.fill = 'x'.repeat(MANIFEST_BYTES - JSON.stringify(manifest).length);
  const content = JSON.stringify(manifest);
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const manifests = `/v2/${REPOSITORY}/manifests`;
  const directory = join(workspace.originDirectory, manifests);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, digest), content);
  const server = await startNginx(
    workspace,
    'manifest-origin',
    registryPort,
    `server {
      listen 127.0.0.1:${storagePort};
      root ${workspace.originDirectory};
    }
    server {
      listen 127.0.0.1:${registryPort};
      location = /v2/ { return 200 '{}'; }
      location ${manifests}/ {
        root ${workspace.originDirectory};
        default_type ${MANIFEST_TYPE};
        add_header Docker-Content-Digest ${digest};
      }
      location /v2/ { return 307 http://127.0.0.1:${storagePort}$uri?sig=signature; }
    }`,
  );
  return { ...server, storagePort, registryPort, path: `${manifests}/${digest}`, bytes: content.length };
}
