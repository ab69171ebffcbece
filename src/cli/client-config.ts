import { Argument, Command, Option } from 'commander';
import type { CliDeps } from './cli-deps.ts';
import type { ClientFile, ClientFiles, ClientFilesInput } from './client-file.ts';
import { containerdFiles } from './containerd-files.ts';
import { dockerFiles } from './docker-files.ts';
import { podmanFiles } from './podman-files.ts';
import { readAuthority } from './read-authority.ts';
import { readConfig, selectRegistry } from './read-config.ts';
import { writeClientFiles } from './write-client-files.ts';

const CLIENTS = ['docker', 'containerd', 'podman'] as const;

type Client = (typeof CLIENTS)[number];

const FILES_OF: Readonly<Record<Client, (input: ClientFilesInput) => ClientFiles>> = {
  docker: dockerFiles,
  containerd: containerdFiles,
  podman: podmanFiles,
};

type Options = {
  config?: string;
  name?: string;
  ca?: string;
  fallback: boolean;
  root?: string;
  output: 'text' | 'json';
};

/** `berth client-config`: a client's own configuration files for one registry. */
export function createClientConfigCommand(deps: CliDeps): Command {
  return new Command('client-config')
    .description(
      "Prints a client's own configuration files for this proxy: each one's path, then its content; advice goes to standard error.",
    )
    .addArgument(new Argument('<client>', 'whose files').choices(CLIENTS))
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('--name <registry>', 'name of the registry; may be left out where there is only one')
    .option(
      '--ca <file>',
      "PEM file of the authority of Berth's certificates, where the client does not know it",
    )
    .option('--fallback', 'lets the client ask the source itself when Berth fails', false)
    .option('--root <directory>', 'writes the files below this directory (/ for this machine) instead')
    .addOption(
      new Option('-o, --output <format>', 'text, or json for a list of path and content')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (client: Client, options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const registry = selectRegistry(config, options.name);
      const ca = options.ca === undefined ? undefined : await readAuthority(options.ca);
      const { files, notes } = FILES_OF[client]({ registry, ca, fallback: options.fallback });
      if (options.root !== undefined) {
        for (const path of await writeClientFiles(options.root, files)) deps.stdout(`${path}\n`);
      } else {
        deps.stdout(options.output === 'json' ? `${JSON.stringify(files, null, 2)}\n` : formatFiles(files));
      }
      for (const note of notes) deps.stderr(`${note}\n`);
    });
}

function formatFiles(files: readonly ClientFile[]): string {
  return files.map(({ path, content }) => `# ${path}\n${content}`).join('\n');
}
