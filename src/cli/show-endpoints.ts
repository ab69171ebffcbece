import { Command, Option } from 'commander';

import type { RegistryConfig } from '../config/config.ts';
import { showEndpoints } from '../endpoints/endpoints.ts';
import { whyNotSwitchable } from '../endpoints/switchable.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';
import { registryInForce } from './registry-in-force.ts';

type Options = { config?: string; name?: string; output: OutputFormat };

/** `berth show-endpoints`: what a client's firewall must let through, in the shape that ACR's own CLI prints. */
export function createShowEndpointsCommand(deps: CliDeps): Command {
  return new Command('show-endpoints')
    .description(
      'Prints the login server and the data endpoints of a registry: those in force where a running Berth can be asked (admin.socket), otherwise those of the configuration.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('json'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const registry = await registryInForce(selectRegistry(config, options.name), config, deps);
      const document = showEndpoints(registry);
      const { loginServer, dataEndpoints } = document;
      const { delivery, rollout } = registry;
      const rows = [
        ['loginServer', '', loginServer],
        ...dataEndpoints.map(({ region, endpoint }) => ['dataEndpoint', region, endpoint]),
      ];
      const header = ['KIND', 'REGION', 'ENDPOINT'];
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

/** In the words of `az acr show-endpoints`; and what is in the way, where something is. */
function enablingHint(registry: RegistryConfig): string {
  const hint = `To configure client firewall w/o using wildcard storage blob urls, use "berth update --name ${registry.name} --data-endpoint-enabled" to enable dedicated data endpoints.\n`;
  const reason = whyNotSwitchable(registry);
  return reason === undefined ? hint : `${hint}Before that: ${reason}.\n`;
}
