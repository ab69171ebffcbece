import type { Config, RegistryConfig } from '../config/config.ts';
import type { RegistryDocument } from '../endpoints/registry-document.ts';
import { askBerth } from './ask-berth.ts';
import type { CliDeps } from './cli-deps.ts';

/**
 * The registry with the delivery that is in force where a running Berth can be asked, otherwise as the configuration has
 * it; where there should be one to ask, that is said on standard error.
 */
export async function registryInForce(
  registry: RegistryConfig,
  config: Config,
  deps: Pick<CliDeps, 'stderr'>,
): Promise<RegistryConfig> {
  if (config.admin === null) return registry;
  const answer = await askBerth(config, { method: 'GET', path: `registries/${registry.name}` });
  if (answer.kind === 'document') {
    // Version 1 of the control API, which is Berth's own.
    const { delivery, rollout } = answer.document as RegistryDocument;
    // A configuration that was changed since the start may lack what the one in force has.
    const shows = delivery !== 'dedicated' || registry.dataEndpoint !== null;
    if (shows) return { ...registry, delivery, rollout };
  }
  const why = whyUnknown(answer);
  deps.stderr(`This is what the configuration says, as the state in force is not known: ${why}\n`);
  return registry;
}

function whyUnknown(answer: Awaited<ReturnType<typeof askBerth>>): string {
  switch (answer.kind) {
    case 'refused':
      return answer.message;
    case 'unreachable':
      return answer.reason;
    case 'document':
      return 'the running Berth has another configuration; have it reload (SIGHUP), and see its log';
  }
}
