import { Command, Option } from 'commander';

import type { Problem } from '../config/problem.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems } from './cli-error.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig } from './read-config.ts';

/** `berth check`: every problem of a configuration at once, on standard output: they are what was asked for. */
export function createCheckCommand(deps: CliDeps): Command {
  return new Command('check')
    .description('Validates a configuration and prints every problem with its line and column.')
    .argument('[file]', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .addOption(
      new Option(
        '-o, --output <format>',
        'text: file:line:column: field: what is wrong; what to do. Others: the problems as a list, empty where all is well',
      )
        .choices(['text', ...OUTPUT_FORMATS])
        .default('text'),
    )
    .action(async (file: string | undefined, { output }: { output: 'text' | OutputFormat }) => {
      try {
        const { config, fileName } = await readConfig(file, deps);
        if (output !== 'text') return deps.stdout(formatProblems([], output));
        const count = config.registries.length;
        deps.stdout(`${fileName}: ok, ${count} ${count === 1 ? 'registry' : 'registries'}\n`);
      } catch (error) {
        if (!(error instanceof ConfigProblems)) throw error;
        deps.stdout(output === 'text' ? `${error.message}\n` : formatProblems(error.problems, output));
        throw new CliError('');
      }
    });
}

function formatProblems(problems: readonly Problem[], format: OutputFormat): string {
  const rows = problems.map(({ path, line, column, message, hint }) => [
    String(line),
    String(column),
    path,
    hint === undefined ? message : `${message}; ${hint}`,
  ]);
  return formatOutput({ document: problems, header: ['LINE', 'COLUMN', 'FIELD', 'PROBLEM'], rows }, format);
}
