import { isIP } from 'node:net';

import { checkConfig } from '../config/check-config.ts';
import type { Config } from '../config/config.ts';
import { findPreset, presetFields } from '../config/preset-fields.ts';
import type { PresetName } from '../config/presets.ts';
import { CliError, EXIT } from './cli-error.ts';

/** The flags of `serve` that stand for a configuration file. */
export type ServeFlags = {
  readonly upstream: string;
  readonly port: number;
  readonly push: boolean;
  /** CIDRs. */
  readonly allowPrivate: readonly string[];
  /** Undefined: the one that fits the upstream's host, if any. */
  readonly preset: PresetName | undefined;
  /** Host patterns; empty: those of the preset. */
  readonly redirectHosts: readonly string[];
  /** Beside those of the preset. */
  readonly tokenHosts: readonly string[];
  /** Undefined: no blob is kept. */
  readonly cacheDirectory: string | undefined;
};

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
  const url = upstreamUrl(flags.upstream);
  const preset = flags.preset ?? findPreset(url);
  const fields = preset === undefined ? undefined : presetFields(preset, url);
  const file = {
    listeners: loopbackAddresses.map((address) => ({ address, port })),
    metrics: null,
    console: null,
    registries: [
      {
        name: 'local',
        loginServer: `localhost:${port}`,
        aliases: loopbackAddresses.map(
          (address) => `${isIP(address) === 6 ? `[${address}]` : address}:${port}`,
        ),
        scheme: 'http',
        ...(preset === undefined ? {} : { preset }),
        upstream: {
          url,
          tokenHosts: [...(fields?.tokenHosts ?? []), ...flags.tokenHosts],
          allowedPrivateAddresses: flags.allowPrivate,
        },
        delivery: 'inline',
        push: flags.push,
        ...(flags.redirectHosts.length === 0 ? {} : { redirectHosts: flags.redirectHosts }),
      },
    ],
  };
  const result = checkConfig({ value: file, locate: () => NOWHERE }, { fileName: 'flags', env });
  if (result.kind === 'ok') {
    const { config } = result;
    // From where the command was given, as any file on a command line.
    const directory = flags.cacheDirectory ?? null;
    return {
      ...config,
      ticket: { ...config.ticket, keyFile: null },
      cache: { ...config.cache, directory },
    };
  }
  const lines = result.problems.map(({ path, message, hint }) => {
    return `${flagOf(path)}: ${nameFlags(message)}${hint === undefined ? '' : `; ${nameFlags(hint)}`}`;
  });
  throw new CliError(lines.join('\n'), EXIT.wrongUsage);
}

/** Flags have no lines. */
const NOWHERE = { line: 0, column: 0 };

const FLAGS_OF_FIELDS = [
  { field: 'upstream.url', flag: '--upstream' },
  { field: 'tokenHosts', flag: '--token-host' },
  { field: 'allowedPrivateAddresses', flag: '--allow-private' },
  { field: 'redirectHosts', flag: '--redirect-host' },
  { field: 'preset', flag: '--preset' },
] as const;

/** The flag that stands for the field; without one, the field. */
export function flagOf(path: string): string {
  return FLAGS_OF_FIELDS.find(({ field }) => path.includes(field))?.flag ?? path;
}

/** The checks' own words are about a file; whoever typed flags knows those alone. */
export function nameFlags(text: string): string {
  return FLAGS_OF_FIELDS.reduce((named, { field, flag }) => named.replaceAll(field, flag), text);
}

/**
 * A host alone means https; Docker Hub by any of its names means the host that answers its API. What makes a word a host is
 * docker's own rule for image names: a dot, a port, or `localhost`.
 * @throws CliError
 */
function upstreamUrl(upstream: string): string {
  if (isDockerHub(upstream)) return 'https://registry-1.docker.io';
  if (upstream.includes('://')) return upstream;
  const [host = ''] = upstream.split('/', 1);
  if (host !== 'localhost' && (!/[.:]/.test(host) || /^https?:$|^https?:\D/i.test(host))) {
    const message = `--upstream: "${upstream}" is neither a URL nor a host name with a dot or a port; write it like https://contoso.azurecr.io`;
    throw new CliError(message.replaceAll(/[\r\n]+/g, ' '), EXIT.wrongUsage);
  }
  return `https://${upstream}`;
}

function isDockerHub(upstream: string): boolean {
  const host = URL.parse(upstream.includes('://') ? upstream : `https://${upstream}`)?.host ?? '';
  return host === 'registry-1.docker.io' || DOCKER_HUB_ALIASES.has(host);
}
