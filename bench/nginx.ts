import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort, type ServerProcess, startServer } from './server-process.ts';
import type { Workspace } from './workspace.ts';

/**
 * `memory`: nginx at its best for large content, 16 buffers of 64 KiB and nothing written to a file.
 * `spool`: the same, with nginx's default of writing to a temporary file what a client does not take at once.
 * `unbuffered`: what many a registry guide says, buffering off and everything else as it comes.
 */
export type Tuning = 'memory' | 'spool' | 'unbuffered';

const BUFFERS =
  'proxy_buffering on; proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 128k;';

const DIRECTIVES: Record<Tuning, string> = {
  memory: `${BUFFERS} proxy_max_temp_file_size 0;`,
  spool: BUFFERS,
  unbuffered: 'proxy_buffering off;',
};

export type Origin = ServerProcess & {
  /** Serves the blob's bytes, ranges included. */
  storagePort: number;
  /** Answers `GET /v2/` and sends every blob to the storage with 307. */
  registryPort: number;
};

/** The origin: a registry and its storage in one nginx, files by sendfile, so that it costs as little as can be. */
export async function startOrigin(workspace: Workspace): Promise<Origin> {
  const [storagePort, registryPort] = [await freePort(), await freePort()];
  const server = await startNginx(
    workspace,
    'origin',
    storagePort,
    `server {
      listen 127.0.0.1:${storagePort};
      root ${workspace.originDirectory};
    }
    server {
      listen 127.0.0.1:${registryPort};
      location = /v2/ { return 200 '{}'; }
      location /v2/ { return 307 http://127.0.0.1:${storagePort}$uri?sig=signature; }
    }`,
  );
  return { ...server, storagePort, registryPort };
}

/** nginx as a plain reverse proxy in front of the storage. */
export async function startNginxProxy(
  workspace: Workspace,
  tuning: Tuning,
  storagePort: number,
): Promise<ServerProcess & { port: number }> {
  const port = await freePort();
  const server = await startNginx(
    workspace,
    tuning,
    port,
    `upstream storage { server 127.0.0.1:${storagePort}; keepalive 16; }
    server {
      listen 127.0.0.1:${port};
      ${DIRECTIVES[tuning]}
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      location / { proxy_pass http://storage; }
    }`,
  );
  return { ...server, port };
}

/** nginx with `servers` in its `http` block; nothing is logged unless they say so. */
export async function startNginx(
  workspace: Workspace,
  name: string,
  port: number,
  servers: string,
): Promise<ServerProcess> {
  // Sections that run one after another start servers of the same name.
  const directory = mkdtempSync(join(workspace.directory, `nginx-${name}-`));
  const configFile = join(directory, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
    .join(' ');
  writeFileSync(
    configFile,
    `daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes auto;
pid ${join(directory, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    ${temporary}
    ${servers}
}
`,
  );
  return startServer({
    command: 'nginx',
    args: ['-c', configFile, '-p', directory, '-e', 'stderr'],
    port,
    logFile: join(directory, 'output.log'),
  });
}
