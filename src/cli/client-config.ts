import { Argument, Command, Option } from 'commander';

import type { RegistryConfig } from '../config/config.ts';
import { buildkitFiles } from './buildkit-files.ts';
import type { CliDeps } from './cli-deps.ts';
import type { ClientFile, ClientFiles, ClientFilesInput } from './client-file.ts';
import { containerdFiles } from './containerd-files.ts';
import { crioFiles } from './crio-files.ts';
import { dockerFiles } from './docker-files.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { podmanFiles } from './podman-files.ts';
import { readAuthority } from './read-authority.ts';
import { readConfig, selectRegistry } from './read-config.ts';
import { writeClientFiles } from './write-client-files.ts';

const CLIENTS = ['docker', 'containerd', 'podman', 'buildkit', 'crio'] as const;

type Client = (typeof CLIENTS)[number];

const FILES_OF: Readonly<Record<Client, (input: ClientFilesInput) => ClientFiles>> = {
  docker: dockerFiles,
  containerd: containerdFiles,
  podman: podmanFiles,
  buildkit: buildkitFiles,
  crio: crioFiles,
};

type Options = {
  config?: string;
  name?: string;
  ca?: string;
  fallback: boolean;
  root?: string;
  output: 'text' | OutputFormat;
};

/** `berth client-config`: a client's own configuration files for one registry. */
export function createClientConfigCommand(deps: CliDeps): Command {
  return new Command('client-config')
    .description(
      "Prints a client's own configuration files for this proxy: each one's path, then its content; advice goes to standard error.",
    )
    .addArgument(new Argument('<client>', 'whose files').choices(CLIENTS))
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry; may be left out where there is only one')
    .option(
      '--ca <file>',
      "PEM file of the authority of Berth's certificates, where the client does not know it",
    )
    .option('--fallback', 'lets the client ask the source itself when Berth fails', false)
    .option('--root <directory>', 'writes the files below this directory (/ for this machine) instead')
    .addOption(
      new Option(
        '-o, --output <format>',
        'text: each path and content; json, yaml: the same as a list; table, tsv: path and bytes',
      )
        .choices(['text', ...OUTPUT_FORMATS])
        .default('text'),
    )
    .action(async (client: Client, options: Options) => {
      const { config } = await readConfig(options.config, deps);
      const registry = selectRegistry(config, options.name);
      const ca = options.ca === undefined ? undefined : await readAuthority(options.ca);
      const { files, notes } = FILES_OF[client]({ registry, ca, fallback: options.fallback });
      const { root, output } = options;
      const shown = root === undefined ? files : await writeBelow(root, files);
      deps.stdout(output === 'text' ? formatFiles(shown, root !== undefined) : formatList(shown, output));
      for (const note of [...notes, ...deliveryNotes(registry)]) deps.stderr(`${note}\n`);
    });
}

/** The same files with the paths that they have been written to. */
async function writeBelow(root: string, files: readonly ClientFile[]): Promise<readonly ClientFile[]> {
  const paths = await writeClientFiles(root, files);
  return files.map(({ path, content }, index) => ({ path: paths[index] ?? path, content }));
}

function formatFiles(files: readonly ClientFile[], areWritten: boolean): string {
  if (areWritten) return files.map(({ path }) => `${path}\n`).join('');
  return files.map(({ path, content }) => `# ${path}\n${content}`).join('\n');
}

function formatList(files: readonly ClientFile[], format: OutputFormat): string {
  const rows = files.map(({ path, content }) => [path, String(Buffer.byteLength(content))]);
  return formatOutput({ document: files, header: ['PATH', 'BYTES'], rows }, format);
}

/** No file of a client can say which hosts its firewall must let through. */
function deliveryNotes({ delivery, redirectHosts }: RegistryConfig): readonly string[] {
  if (delivery !== 'passthrough') return [];
  const hosts = redirectHosts.map(({ host }) => host).join(', ');
  return [`data endpoints are off: clients fetch blobs from ${hosts} itself and must be able to reach it`];
}
