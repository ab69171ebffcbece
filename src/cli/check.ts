import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';

import type { Config } from '../config/config.ts';
import { type Finding, formatPath, formatProblem, type Problem } from '../config/problem.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems, EXIT } from './cli-error.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { plainUpstreams } from './plain-upstreams.ts';
import { readConfig } from './read-config.ts';

type Options = { config?: string; files: boolean; output: 'text' | OutputFormat };

/** `berth check`: every problem of a configuration at once, on standard output: they are what was asked for. */
export function createCheckCommand(deps: CliDeps): Command {
  return new Command('check')
    .description(
      'Validates a configuration and prints every problem with its line and column. Warnings go to standard error, and change no exit code.',
    )
    .argument('[file]', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('--config <file>', 'the same, as the other commands have it')
    .option(
      '--files',
      'also reads the files that it names (keys, certificates, credentials) as a start would: run it where they are, as the user of Berth',
      false,
    )
    .addOption(
      new Option(
        '-o, --output <format>',
        'text: file:line:column: field: what is wrong; what to do. Others: the problems as a list, empty where all is well',
      )
        .choices(['text', ...OUTPUT_FORMATS])
        .default('text'),
    )
    .action(async (file: string | undefined, { config: named, files, output }: Options) => {
      if (file !== undefined && named !== undefined) {
        throw new CliError('give the configuration by itself or with --config, not both', EXIT.wrongUsage);
      }
      try {
        const { config, fileName } = await readConfig(file ?? named, deps);
        if (files) await requireFiles(config, fileName);
        // Beside what was asked for: a pipeline's exit code does not change by them.
        for (const warning of await locate(plainUpstreams(config), fileName)) {
          deps.stderr(`Warning: ${formatProblem(warning, fileName)}\n`);
        }
        if (output !== 'text') return deps.stdout(formatProblems([], output));
        const count = config.registries.length;
        const registries = `${count} ${count === 1 ? 'registry' : 'registries'}`;
        deps.stdout(`${fileName}: ok, ${registries}${files ? ', and the files that it names' : ''}\n`);
      } catch (error) {
        if (!(error instanceof ConfigProblems)) throw error;
        deps.stdout(output === 'text' ? `${error.message}\n` : formatProblems(error.problems, output));
        throw new CliError('');
      }
    });
}

/** @throws ConfigProblems with the place of the field that names each file which could not be used */
async function requireFiles(config: Config, fileName: string): Promise<void> {
  // What only this needs is not loaded for the check of every pipeline.
  const { checkFiles } = await import('./check-files.ts');
  const problems = await locate(await checkFiles(config), fileName);
  if (problems.length > 0) throw new ConfigProblems(fileName, problems);
}

/** Where in the file each of them is, in the order of the file. */
async function locate(findings: readonly Finding[], fileName: string): Promise<readonly Problem[]> {
  if (findings.length === 0) return [];
  const { parseYamlFile } = await import('../config/yaml-file.ts');
  const parsed = parseYamlFile(await readFile(fileName, 'utf8'));
  const place = (path: Finding['path']) =>
    parsed.kind === 'ok' ? parsed.file.locate(path, false) : { line: 1, column: 1 };
  const problems = findings.map(({ path, ...rest }) => ({ path: formatPath(path), ...place(path), ...rest }));
  return problems.toSorted((one, other) => one.line - other.line || one.column - other.column);
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
