import { isIP } from 'node:net';

import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { CliError, EXIT } from './cli-error.ts';

/** The flags of `serve` that stand for a configuration file. */
export type ServeFlags = {
  readonly upstream: string;
  readonly port: number;
  readonly push: boolean;
  /** CIDRs. */
  readonly allowPrivate: readonly string[];
  /** Host patterns; empty: the well-known ones. */
  readonly redirectHosts: readonly string[];
  readonly tokenHosts: readonly string[];
};

/** Where the large public registries keep their blobs. */
const KNOWN_REDIRECT_HOSTS = [
  '*.blob.core.windows.net', // Azure Container Registry
  '*.*.data.azurecr.io', // the same with dedicated data endpoints
  '*.data.mcr.microsoft.com', // Microsoft's own images
  'prod-*-starport-layer-bucket.s3.*.amazonaws.com', // Amazon ECR
  'production.cloudflare.docker.com', // Docker Hub
  'production.cloudfront.docker.com',
  'docker-images-prod.*.r2.cloudflarestorage.com',
  'pkg-containers.githubusercontent.com', // GitHub
  'cdn*.quay.io', // Quay
];

/** Docker Hub is known by names that are not the host to ask. */
const DOCKER_HUB_ALIASES = new Set(['docker.io', 'index.docker.io', 'hub.docker.com']);

/**
 * The configuration that the flags stand for: one registry `local` in front of the upstream, `inline`, on loopback
 * alone, so that the links given out may be plain http. `ticket.keyFile` is null: this one process makes its own key.
 * @throws CliError
 */
export function flagConfig(
  flags: ServeFlags,
  env: Readonly<Record<string, string | undefined>>,
  loopbackAddresses: readonly string[],
): Config {
  const { port } = flags;
  const hub = isDockerHub(flags.upstream);
  const redirectHosts = flags.redirectHosts.length > 0 ? flags.redirectHosts : KNOWN_REDIRECT_HOSTS;
  const file = {
    listeners: loopbackAddresses.map((address) => ({ address, port })),
    metrics: null,
    registries: [
      {
        name: 'local',
        loginServer: `localhost:${port}`,
        aliases: loopbackAddresses.map(
          (address) => `${isIP(address) === 6 ? `[${address}]` : address}:${port}`,
        ),
        scheme: 'http',
        upstream: {
          url: upstreamUrl(flags.upstream),
          tokenHosts: [...(hub ? ['auth.docker.io'] : []), ...flags.tokenHosts],
          allowedPrivateAddresses: flags.allowPrivate,
        },
        delivery: 'inline',
        push: flags.push,
        redirectHosts,
      },
    ],
  };
  const result = loadConfig({ text: JSON.stringify(file), fileName: 'flags', env });
  if (result.kind === 'ok') {
    return { ...result.config, ticket: { ...result.config.ticket, keyFile: null } };
  }
  const lines = result.problems.map(({ path, message, hint }) => {
    const flag = FLAG_OF_FIELD.find(([field]) => path.includes(field))?.[1] ?? path;
    return `${flag}: ${message}${hint === undefined ? '' : `; ${hint}`}`;
  });
  throw new CliError(lines.join('\n'), EXIT.wrongUsage);
}

const FLAG_OF_FIELD = [
  ['upstream.url', '--upstream'],
  ['upstream.tokenHosts', '--token-host'],
  ['upstream.allowedPrivateAddresses', '--allow-private'],
  ['redirectHosts', '--redirect-host'],
] as const;

/** A host alone means https; Docker Hub by any of its names means the host that answers its API. */
function upstreamUrl(upstream: string): string {
  if (isDockerHub(upstream)) return 'https://registry-1.docker.io';
  return upstream.includes('://') ? upstream : `https://${upstream}`;
}

function isDockerHub(upstream: string): boolean {
  const host = URL.parse(upstream.includes('://') ? upstream : `https://${upstream}`)?.host ?? '';
  return host === 'registry-1.docker.io' || DOCKER_HUB_ALIASES.has(host);
}
