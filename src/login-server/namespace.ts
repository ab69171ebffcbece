import type { RegistryConfig } from '../config/config.ts';
import { answersNamespace } from '../endpoints/namespace.ts';

/** H3: a mirror's client names the registry it means by `ns`; answering for another one would serve the wrong content. */
export function isAnsweredFor(query: string, registry: RegistryConfig): boolean {
  if (query === '') return true;
  const ns = new URLSearchParams(query).get('ns');
  return ns === null || answersNamespace(registry, ns);
}
