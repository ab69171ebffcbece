import type { Config, RegistryConfig } from '../config/config.ts';

/**
 * A configuration as what has changed since the one before. Of ten thousand registries the whole takes its sender some 250 ms to
 * write, for each worker, and the worker as long to read, both at a stretch.
 */
export type ConfigChange = {
  /** Without its registries. */
  readonly config: Config;
  /** Each in its place: as it is now, or the index that it had before, where it is the same. */
  readonly registries: readonly (RegistryConfig | number)[];
};

/** Registries are the same where they are the same object: see `keepEqualRegistries`. */
export function diffConfig(before: Config, now: Config): ConfigChange {
  const indexes = new Map(before.registries.map((registry, index) => [registry, index]));
  return {
    config: { ...now, registries: [] },
    registries: now.registries.map((registry) => indexes.get(registry) ?? registry),
  };
}

/** @param before what the change was made from, as it arrived here: its registries are kept as they are */
export function applyConfigChange(before: Config, { config, registries }: ConfigChange): Config {
  return {
    ...config,
    registries: registries.map((one) => (typeof one === 'number' ? at(before, one) : one)),
  };
}

function at({ registries }: Config, index: number): RegistryConfig {
  const registry = registries[index];
  if (registry !== undefined) return registry;
  throw new Error(`there was no registry ${index} in the configuration that this one was made from`);
}
