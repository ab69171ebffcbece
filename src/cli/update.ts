import { Command, InvalidArgumentError, Option } from 'commander';

import type { RegistryDocument } from '../endpoints/registry-document.ts';
import { mustAskBerth } from './ask-berth.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';

type Options = { config?: string; name?: string; dataEndpointEnabled: boolean; output: OutputFormat };

/** `berth update`: changes a running Berth, in force for the next request and kept over restarts. */
export function createUpdateCommand(deps: CliDeps): Command {
  return new Command('update')
    .description(
      'Switches data endpoints of a running Berth on or off: at once, without a restart, and without ending a transfer. Kept in stateDirectory until the configuration itself says something else.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('--data-endpoint-enabled [enabled]', 'true (also when left out) or false')
        .argParser(parseEnabled)
        .preset('true')
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('json'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const { name } = selectRegistry(config, options.name);
      const body = { dataEndpointEnabled: options.dataEndpointEnabled };
      const answer = await mustAskBerth(config, { method: 'PATCH', path: `registries/${name}`, body });
      // Version 1 of the control API, which is Berth's own.
      const document = answer as RegistryDocument;
      const hosts = document.dataEndpointHostNames.join(' ');
      deps.stdout(
        formatOutput(
          {
            document,
            header: ['NAME', 'LOGIN SERVER', 'DATA ENDPOINTS ENABLED', 'DATA ENDPOINT HOST NAMES'],
            rows: [[document.name, document.loginServer, String(document.dataEndpointEnabled), hosts]],
          },
          options.output,
        ),
      );
    });
}

function parseEnabled(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('It must be true or false.');
}
