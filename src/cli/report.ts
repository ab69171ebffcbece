import { Command, Option } from 'commander';

import type { Tally } from '../endpoints/migration.ts';
import type { MigrationReport } from '../endpoints/migration-report.ts';
import { mustAskBerth } from './ask-berth.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';

type Options = { config?: string; name?: string; output: OutputFormat };

/** `berth report`: what a running Berth has seen. */
export function createReportCommand(deps: CliDeps): Command {
  const command = new Command('report').description('Reports what a running Berth has seen.');
  command
    .command('migration')
    .description(
      'Prints which client networks (/24 of IPv4, /64 of IPv6) still get storage hosts and which use data endpoints, since the start of this Berth, and whether the wildcard rule for storage can go.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const { name } = selectRegistry(config, options.name);
      const answer = await mustAskBerth(config, { method: 'GET', path: `registries/${name}/migration` });
      // Version 1 of the control API, which is Berth's own.
      print(answer as MigrationReport, options.output, deps);
    });
  return command;
}

/** A table ends with the verdict; rows for programs stay rows. */
function print(report: MigrationReport, format: OutputFormat, deps: CliDeps): void {
  const rows = report.networks.map(({ network, storage, dataEndpoint, arrived }) => [
    network,
    ...cells(storage),
    ...cells(dataEndpoint),
    ...cells(arrived),
  ]);
  const header = [
    'NETWORK',
    'STORAGE LINKS',
    'LAST',
    'DATA ENDPOINT LINKS',
    'LAST',
    'DATA ENDPOINT REQUESTS',
    'LAST',
  ];
  deps.stdout(formatOutput({ document: report, header, rows }, format));
  const { wildcardRule, text } = report.verdict;
  if (format === 'table') deps.stdout(`\nWildcard rule for storage: ${wildcardRule}: ${text}\n`);
  if (report.droppedNetworks > 0) {
    deps.stderr(
      `${report.droppedNetworks} networks were forgotten to make room; whether they arrive is not known\n`,
    );
  }
}

function cells({ count, lastSeen }: Tally): [string, string] {
  return [String(count), lastSeen ?? '-'];
}
