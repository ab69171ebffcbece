import { Command } from 'commander';

import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems } from './cli-error.ts';
import { readConfig } from './read-config.ts';

/** `berth check`: every problem of a configuration at once, on standard output: they are what was asked for. */
export function createCheckCommand(deps: CliDeps): Command {
  return new Command('check')
    .description('Validates a configuration and prints every problem with its line and column.')
    .argument('[file]', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .action(async (file: string | undefined) => {
      try {
        const { config, fileName } = await readConfig(file, deps);
        const count = config.registries.length;
        deps.stdout(`${fileName}: ok, ${count} ${count === 1 ? 'registry' : 'registries'}\n`);
      } catch (error) {
        if (!(error instanceof ConfigProblems)) throw error;
        deps.stdout(`${error.message}\n`);
        throw new CliError('');
      }
    });
}
