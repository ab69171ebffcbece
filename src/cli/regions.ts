import { Command, Option } from 'commander';

import type { RegionsDocument } from '../endpoints/regions-document.ts';
import { mustAskBerth } from './ask-berth.ts';
import type { CliDeps } from './cli-deps.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { readConfig, selectRegistry } from './read-config.ts';

type Options = { config?: string; name?: string; output: OutputFormat };

/** `berth regions`: which regions a running Berth uses, and why not the others. */
export function createRegionsCommand(deps: CliDeps): Command {
  return new Command('regions')
    .description(
      'Prints what a running Berth knows of the regions of a registry: whether each is used, since when, and why not.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    )
    .action(async (options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const { name } = selectRegistry(config, options.name);
      const answer = await mustAskBerth(config, { method: 'GET', path: `registries/${name}/regions` });
      // Version 1 of the control API, which is Berth's own.
      print(answer as RegionsDocument, options.output, deps);
    });
}

function print(document: RegionsDocument, format: OutputFormat, deps: CliDeps): void {
  const { homeRegion, regions } = document;
  const rows = regions.map(({ region, state, since, reason, upstream, storageHost, lastProbe }) => [
    region,
    region === homeRegion ? 'home' : '-',
    state,
    since ?? '-',
    reason ?? '-',
    upstream ?? '-',
    storageHost ?? '-',
    lastProbe === null ? '-' : `${lastProbe.result} ${lastProbe.at}`,
  ]);
  const header = ['REGION', 'HOME', 'STATE', 'SINCE', 'REASON', 'UPSTREAM', 'STORAGE', 'LAST PROBE'];
  deps.stdout(formatOutput({ document, header, rows }, format));
}
