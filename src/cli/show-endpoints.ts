import { Command, Option } from 'commander';

import type { Config, RegistryConfig } from '../config/config.ts';
import { showEndpoints } from '../endpoints/endpoints.ts';
import type { RegistryDocument } from '../endpoints/registry-document.ts';
import { whyNotSwitchable } from '../endpoints/switchable.ts';
import { askBerth } from './ask-berth.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';

type Options = { config?: string; name?: string; output: OutputFormat };

type Shown = Pick<RegistryDocument, 'loginServer' | 'dataEndpoints' | 'delivery' | 'rollout'>;

/** `berth show-endpoints`: what a client's firewall must let through, in the shape that ACR's own CLI prints. */
export function createShowEndpointsCommand(deps: CliDeps): Command {
  return new Command('show-endpoints')
    .description(
      'Prints the login server and the data endpoints of a registry: those in force where a running Berth can be asked (admin.socket), otherwise those of the configuration.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('--name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('json'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const registry = selectRegistry(config, options.name);
      const { loginServer, dataEndpoints, delivery, rollout } = await endpointsOf(registry, config, deps);
      const rows = [
        ['loginServer', '', loginServer],
        ...dataEndpoints.map(({ region, endpoint }) => ['dataEndpoint', region, endpoint]),
      ];
      const header = ['KIND', 'REGION', 'ENDPOINT'];
      const document = { loginServer, dataEndpoints };
      deps.stdout(formatOutput({ document, header, rows }, options.output));
      if (delivery === 'passthrough') deps.stderr(enablingHint(registry));
      else if (delivery === 'dedicated' && rollout.percent < 100) {
        const hosts = registry.redirectHosts.map(({ host }) => host).join(', ');
        deps.stderr(
          `The rollout covers ${rollout.percent} % of the clients and ${rollout.clients.length} listed networks; all others still need ${hosts}.\n`,
        );
      }
    });
}

/** The state in force where a running Berth tells it, otherwise what the configuration says, which is then said, too. */
async function endpointsOf(registry: RegistryConfig, config: Config, deps: CliDeps): Promise<Shown> {
  if (config.admin !== null) {
    const answer = await askBerth(config, { method: 'GET', path: `registries/${registry.name}` });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- version 1 of the control API, which is Berth's own
    if (answer.kind === 'document') return answer.document as RegistryDocument;
    const why = answer.kind === 'refused' ? answer.message : answer.reason;
    deps.stderr(`This is what the configuration says, as the state in force is not known: ${why}\n`);
  }
  const { delivery, rollout } = registry;
  return { ...showEndpoints(registry), delivery, rollout };
}

/** In the words of `az acr show-endpoints`; and what is in the way, where something is. */
function enablingHint(registry: RegistryConfig): string {
  const hint = `To configure client firewall w/o using wildcard storage blob urls, use "berth update --name ${registry.name} --data-endpoint-enabled" to enable dedicated data endpoints.\n`;
  const reason = whyNotSwitchable(registry);
  return reason === undefined ? hint : `${hint}Before that: ${reason}.\n`;
}
