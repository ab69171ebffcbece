import type { RegistryConfig } from '../config/config.ts';

/** Why data endpoints of this registry can not be switched on while Berth runs; undefined: they can. */
export function whyNotSwitchable(registry: RegistryConfig): string | undefined {
  const { name, delivery, dataEndpoint, regions, redirectHosts } = registry;
  if (delivery === 'inline') {
    return `registry ${name} has delivery: inline, so the login server sends every blob itself and there is nothing to switch; set delivery: passthrough or dedicated in the configuration first`;
  }
  const missing = [
    ...(dataEndpoint === null ? ['dataEndpoint'] : []),
    ...(regions.length === 0 ? ['regions'] : []),
    ...(redirectHosts.length === 0 ? ['redirectHosts'] : []),
  ];
  if (missing.length === 0) return undefined;
  return `registry ${name} has no ${missing.join(', no ')} in the configuration, which data endpoints need; add ${missing.length === 1 ? 'it' : 'them'} first`;
}
