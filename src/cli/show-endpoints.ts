import { Command, Option } from 'commander';

import { showEndpoints } from '../endpoints/endpoints.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';

type Options = { config?: string; name?: string; output: OutputFormat };

/** `berth show-endpoints`: what a client's firewall must let through, in the shape that ACR's own CLI prints. */
export function createShowEndpointsCommand(deps: CliDeps): Command {
  return new Command('show-endpoints')
    .description('Prints the login server and the data endpoints of a registry.')
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('--name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('json'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const registry = selectRegistry(config, options.name);
      const endpoints = showEndpoints(registry);
      const rows = [
        ['loginServer', '', endpoints.loginServer],
        ...endpoints.dataEndpoints.map(({ region, endpoint }) => ['dataEndpoint', region, endpoint]),
      ];
      const header = ['KIND', 'REGION', 'ENDPOINT'];
      deps.stdout(formatOutput({ document: endpoints, header, rows }, options.output));
      if (registry.delivery === 'passthrough') {
        deps.stderr(
          `Data endpoints are off, so clients need every storage host above. To give them exact host names, set "delivery: dedicated" (or "dataEndpointEnabled: true") and "dataEndpoint" for registry ${registry.name}.\n`,
        );
      }
    });
}
