import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { formatListen, formatProxyPass, formatUpstream, startNginx } from '../nginx.ts';
import { freePort, type ServerProcess } from '../server-process.ts';
import type { TlsFiles } from '../tls-files.ts';
import type { Workspace } from '../workspace.ts';

/**
 * nginx with an empty `proxy_cache` in front of the storage, at its best: sendfile, one fetch for all who ask at once, the
 * others waiting for as long as it takes (after nginx's own 5 s each would fetch for itself).
 */
export async function startNginxCache(
  workspace: Workspace,
  upstream: { port: number; tls?: TlsFiles | undefined },
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
    ${formatUpstream('storage', upstream.port)}
    server {
      ${formatListen(port, tls)}
      proxy_buffering on; proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;
      proxy_cache blobs;
      proxy_cache_key $uri;
      proxy_cache_valid 200 1d;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 10m;
      proxy_cache_lock_age 10m;
      proxy_max_temp_file_size 16384m;
      location / { ${formatProxyPass('storage', upstream.tls)} }
    }`,
  );
  return { ...server, port, directory };
}
