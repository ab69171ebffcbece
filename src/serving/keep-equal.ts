import { isDeepStrictEqual } from 'node:util';
import type { RegistryConfig } from '../config/config.ts';
import type { Turns } from '../system/turns.ts';

/** The value that is there already, where the wanted one says the same: what was made of it can be kept. */
export function keepEqual<T>(known: T | undefined, wanted: T): T {
  return isDeepStrictEqual(known, wanted) ? (known as T) : wanted;
}

/**
 * The same for registries, by their names: those that say what they said are the objects they were, and where nothing has
 * changed at all, so is the list.
 */
export async function keepEqualRegistries(
  known: readonly RegistryConfig[],
  wanted: readonly RegistryConfig[],
  turns: Turns,
): Promise<readonly RegistryConfig[]> {
  if (known === wanted) return known;
  const byName = new Map(known.map((registry) => [registry.name, registry]));
  const kept: RegistryConfig[] = [];
  for (const registry of wanted) {
    kept.push(keepEqual(byName.get(registry.name), registry));
    const pause = turns.next();
    if (pause !== undefined) await pause;
  }
  const isSame = known.length === kept.length && known.every((registry, index) => registry === kept[index]);
  return isSame ? known : kept;
}
