import type { Config } from '../../config/config.ts';
import { answersNamespace } from '../../endpoints/namespace.ts';
import { hostname, parseHost } from '../../http/host.ts';
import { CliError, EXIT } from '../cli-error.ts';
import { selectRegistry } from '../read-config.ts';

/**
 * The login server's origin for an image: by the host of its name, be it Berth's or the one of the registry behind it, or by
 * `--name`. Without a configuration the host is taken as it is, over http where it is this machine.
 * @throws CliError
 */
export function findTarget(
  host: string | undefined,
  config: Config | undefined,
  name: string | undefined,
): string {
  if (config === undefined) {
    if (host === undefined || name !== undefined) {
      throw new CliError(
        'without a configuration an image name must begin with the login server: name one with --config FILE or BERTH_CONFIG',
        EXIT.wrongUsage,
      );
    }
    return `${isLoopback(host) ? 'http' : 'https'}://${host}`;
  }
  if (host === undefined) return originOf(selectRegistry(config, name));
  const candidates = name === undefined ? config.registries : [selectRegistry(config, name)];
  const found =
    candidates.find(({ loginServer, aliases, scheme }) =>
      [loginServer, ...aliases].includes(parseHost(host, scheme) ?? host),
    ) ?? candidates.find((registry) => answersNamespace(registry, host));
  if (found !== undefined) return originOf(found);
  const known = candidates.map(({ loginServer }) => loginServer).join(', ');
  throw new CliError(`no registry of the configuration answers for ${host}: there is ${known}`);
}

function originOf({ scheme, loginServer }: { scheme: string; loginServer: string }): string {
  return `${scheme}://${loginServer}`;
}

function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname(host));
}
