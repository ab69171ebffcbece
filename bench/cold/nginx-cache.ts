import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { startNginx } from '../nginx.ts';
import { freePort, type ServerProcess } from '../server-process.ts';
import type { Workspace } from '../workspace.ts';

export type TlsFiles = { certFile: string; keyFile: string };

/**
 * nginx with an empty `proxy_cache` in front of the storage, at its best: sendfile, one fetch for all who ask at once, the
 * others waiting for as long as it takes (after nginx's own 5 s each would fetch for itself).
 */
export async function startNginxCache(
  workspace: Workspace,
  storagePort: number,
  tls?: TlsFiles,
): Promise<ServerProcess & { port: number; directory: string }> {
  const port = await freePort();
  const name = workspace.uniqueName('nginx-cache');
  const directory = join(workspace.directory, `${name}-files`);
  mkdirSync(directory);
  const server = await startNginx(
    workspace,
    name,
    port,
    `proxy_cache_path ${directory} keys_zone=blobs:10m max_size=16g use_temp_path=off;
    upstream storage { server 127.0.0.1:${storagePort}; keepalive 16; }
    server {
      listen 127.0.0.1:${port}${tls === undefined ? '' : ' ssl'};
      ${tls === undefined ? '' : `ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile};`}
      proxy_buffering on; proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache blobs;
      proxy_cache_key $uri;
      proxy_cache_valid 200 1d;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 10m;
      proxy_cache_lock_age 10m;
      proxy_max_temp_file_size 16384m;
      location / { proxy_pass http://storage; }
    }`,
  );
  return { ...server, port, directory };
}
