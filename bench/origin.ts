import { formatListen, startNginx } from './nginx.ts';
import { freePort, type ServerProcess } from './server-process.ts';
import type { TlsFiles } from './tls-files.ts';
import type { Manifest, Workspace } from './workspace.ts';

export type Origin = ServerProcess & {
  /** Serves the blobs' bytes, ranges included. */
  storagePort: number;
  /** Answers `GET /v2/`, manifests and tokens, and sends every blob to the storage with 307. */
  registryPort: number;
  /** Both speak TLS. Undefined: plain HTTP. */
  tls: TlsFiles | undefined;
};

export type OriginOptions = {
  manifests?: readonly Manifest[];
  tls?: TlsFiles | undefined;
  /** The storage's speed on one connection. Undefined: as fast as it can. */
  bytesPerSecond?: number | undefined;
  /** The storage writes the bytes of each body to it, a line each. */
  sentLog?: string;
  /** The registry challenges for a bearer token, and gives one to everybody. */
  tokens?: boolean;
};

/** As long as a token of a real registry, some 1.2 KiB. */
const TOKEN_CHARACTERS = 1_200;

/** A registry and its storage in one nginx, files by sendfile, so that it costs as little as can be. */
export async function startOrigin(workspace: Workspace, options: OriginOptions = {}): Promise<Origin> {
  const { tls } = options;
  const [storagePort, registryPort] = [await freePort(), await freePort()];
  const name = workspace.uniqueName('origin');
  const configuration = formatOrigin(workspace, { storagePort, registryPort }, options);
  const server = await startNginx(workspace, name, storagePort, configuration);
  return { ...server, storagePort, registryPort, tls };
}

/** nginx's directives in its `http` block. */
export function formatOrigin(
  { originDirectory }: Pick<Workspace, 'originDirectory'>,
  { storagePort, registryPort }: Pick<Origin, 'storagePort' | 'registryPort'>,
  { manifests = [], tls, bytesPerSecond, sentLog, tokens = false }: OriginOptions,
): string {
  const scheme = tls === undefined ? 'http' : 'https';
  const registry = `${scheme}://127.0.0.1:${registryPort}`;
  const challenge = `add_header WWW-Authenticate 'Bearer realm="${registry}/oauth2/token",service="127.0.0.1:${registryPort}"' always;`;
  const locations = manifests.flatMap(({ digest, mediaType, paths }) =>
    paths.map(
      (path) => `location = ${path} {
        root ${originDirectory};
        default_type ${mediaType};
        add_header Docker-Content-Digest ${digest};
        add_header Docker-Distribution-Api-Version registry/2.0;
      }`,
    ),
  );
  return `${sentLog === undefined ? '' : "log_format sent '$body_bytes_sent';"}
    server {
      ${formatListen(storagePort, tls)}
      root ${originDirectory};
      ${sentLog === undefined ? '' : `access_log ${sentLog} sent;`}
      ${bytesPerSecond === undefined ? '' : `limit_rate ${bytesPerSecond};`}
    }
    server {
      ${formatListen(registryPort, tls)}
      location = /status { stub_status; }
      location = /v2/ {
        ${tokens ? `${challenge} if ($http_authorization = '') { return 401 '{}'; }` : ''}
        return 200 '{}';
      }
      location = /oauth2/token {
        default_type application/json;
        return 200 '{"access_token":"${'t'.repeat(TOKEN_CHARACTERS)}","expires_in":4800}';
      }
      ${locations.join('\n')}
      location /v2/ { return 307 ${scheme}://127.0.0.1:${storagePort}$uri?sig=signature; }
    }`;
}
