import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkConfiguration } from './check-configuration.ts';
import type { Origin } from './origin.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';
import type { TlsFiles } from './tls-files.ts';
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

/** nginx as a plain reverse proxy in front of the storage, with TLS on both sides where the storage has it. */
export async function startNginxProxy(
  workspace: Workspace,
  tuning: Tuning,
  { storagePort, tls }: Pick<Origin, 'storagePort' | 'tls'>,
): Promise<ServerProcess & { port: number }> {
  const port = await freePort();
  const server = await startNginx(
    workspace,
    tuning,
    port,
    `${formatUpstream('storage', storagePort)}
    server {
      ${formatListen(port, tls)}
      ${DIRECTIVES[tuning]}
      location / { ${formatProxyPass('storage', tls)} }
    }`,
  );
  return { ...server, port };
}

/** Upstream with connections that are kept. */
export function formatUpstream(name: string, port: number): string {
  return `upstream ${name} { server 127.0.0.1:${port}; keepalive 16; }`;
}

/** nginx 1.22 does not offer TLS 1.3 by itself. */
export function formatListen(port: number, tls: TlsFiles | undefined): string {
  if (tls === undefined) return `listen 127.0.0.1:${port};`;
  return `listen 127.0.0.1:${port} ssl;
      ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:sessions:10m;
      ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile};`;
}

/** With an upstream that has TLS, its certificate is verified, as Berth does. */
export function formatProxyPass(upstream: string, tls: TlsFiles | undefined): string {
  const kept = 'proxy_http_version 1.1; proxy_set_header Connection "";';
  if (tls === undefined) return `${kept} proxy_pass http://${upstream};`;
  return `${kept} proxy_pass https://${upstream};
      proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_name localhost;
      proxy_ssl_verify on; proxy_ssl_trusted_certificate ${tls.caFile};`;
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
  const args = ['-c', configFile, '-p', directory, '-e', 'stderr'];
  checkConfiguration('nginx', ['-t', '-q', ...args]);
  return startServer({
    command: 'nginx',
    args,
    port,
    logFile: join(directory, 'output.log'),
  });
}
