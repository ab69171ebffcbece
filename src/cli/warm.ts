import { arch } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';

import type { Digest } from '../oci/digest.ts';
import { formatReference } from '../oci/reference.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { createProgress, formatBytes, type Progress } from './progress.ts';
import { readAuthority } from './read-authority.ts';
import { findConfig } from './read-config.ts';
import { findTarget } from './warm/find-target.ts';
import { type Connect, createHttpGet, type HttpGet } from './warm/http-get.ts';
import { type ImageName, parseImageName } from './warm/image-name.ts';
import { planImage } from './warm/plan-image.ts';
import { collectPlatforms, defaultPlatform, type Platform } from './warm/platform.ts';
import { readBlob } from './warm/read-blob.ts';
import { readCredentials } from './warm/read-credentials.ts';
import { createRegistryClient, type UserPassword } from './warm/registry-client.ts';

type Options = {
  config?: string;
  name?: string;
  platform?: readonly Platform[] | 'all';
  parallel: number;
  connect?: Connect;
  ca?: string;
  credentials?: string;
  output: OutputFormat;
};

type WarmedImage = {
  readonly image: string;
  readonly digest: Digest;
  readonly platforms: readonly string[];
  /** Read now; those of an image before are not read again. */
  readonly blobs: number;
  readonly bytes: number;
};

/** `berth warm`: pulls images through a running Berth and keeps nothing of them, so that Berth has them. */
export function createWarmCommand(deps: CliDeps): Command {
  return new Command('warm')
    .description(
      'Pulls images through a running Berth, as a client would, verifies them and drops them: whoever pulls next finds in memory and in the cache what they keep.',
    )
    .argument(
      '<image...>',
      "[host/]repository[:tag][@digest]; the host is the login server's or the source's",
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('-n, --name <registry>', 'name of the registry, for images without a host')
    .addOption(
      new Option(
        '--platform <platform>',
        "os/architecture[/variant], may be given several times, or all (otherwise linux on this machine's architecture)",
      ).argParser(collectPlatforms),
    )
    .addOption(
      new Option('--parallel <number>', 'blobs at a time, 1 to 32').argParser(parseParallel).default(4),
    )
    .addOption(
      new Option(
        '--connect <host:port>',
        'where Berth is, in place of what its names resolve to: one replica, or one that is not in the DNS yet',
      ).argParser(parseConnect),
    )
    .option(
      '--ca <file>',
      "PEM file of the authority of Berth's certificates, where this machine does not know it",
    )
    .option('--credentials <file>', 'file with username:password on its first line (otherwise anonymous)')
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    )
    .action(async (names: string[], options: Options) => {
      const images = names.map(parseName);
      const config = await findConfig(options.config, deps);
      const targets = images.map((image) => ({
        ...image,
        origin: findTarget(image.host, config, options.name),
      }));
      const ca = options.ca === undefined ? undefined : await readAuthority(options.ca);
      const credentials =
        options.credentials === undefined ? undefined : await readCredentials(options.credentials);
      const http = createHttpGet({ ca, connect: options.connect });
      try {
        await warmAll(targets, { http, credentials, options, deps });
      } finally {
        http.close();
      }
    });
}

type Target = ImageName & { readonly text: string; readonly origin: string };

type Work = {
  readonly http: HttpGet;
  readonly credentials: UserPassword | undefined;
  readonly options: Options;
  readonly deps: CliDeps;
};

/** One image after the other; one that fails does not keep the others cold. */
async function warmAll(targets: readonly Target[], work: Work): Promise<void> {
  const { deps, options } = work;
  const progress = createProgress({
    columns: deps.progressColumns,
    write: (text) => deps.stderr(text),
    now: Date.now,
  });
  const warmed: WarmedImage[] = [];
  const seen = new Set<string>();
  for (const target of targets) {
    try {
      warmed.push(await warmImage(target, seen, progress, work));
    } catch (error) {
      progress.clear();
      if (!(error instanceof CliError)) throw error;
      deps.stderr(`berth: ${target.text}: ${error.message}\n`);
    }
  }
  progress.clear();
  const rows = warmed.map(({ image, digest, platforms, blobs, bytes }) => [
    image,
    digest,
    platforms.length === 0 ? '-' : platforms.join(','),
    String(blobs),
    options.output === 'table' ? formatBytes(bytes) : String(bytes),
  ]);
  const header = ['IMAGE', 'DIGEST', 'PLATFORMS', 'BLOBS', 'SIZE'];
  deps.stdout(formatOutput({ document: warmed, header, rows }, options.output));
  if (warmed.length < targets.length) throw new CliError('');
}

/** @param seen what was read already, of all images, and is added to */
async function warmImage(
  { text, origin, repository, reference }: Target,
  seen: Set<string>,
  progress: Progress,
  { http, credentials, options, deps }: Work,
): Promise<WarmedImage> {
  const client = createRegistryClient({ origin, http, credentials, wait });
  const platforms = options.platform ?? [defaultPlatform(arch())];
  const plan = await planImage(client, { repository, reference }, platforms);
  if (plan.foreign > 0) {
    deps.stderr(`${text}: ${plan.foreign} layers are not in the registry (foreign) and are left out\n`);
  }
  const blobs = plan.blobs.filter(({ digest }) => !seen.has(`${origin} ${digest}`));
  await forEach(blobs, options.parallel, async (blob) => {
    const bar = progress.begin(
      `${repository}:${formatReference(reference)} ${shorten(blob.digest)}`,
      blob.size,
    );
    try {
      await readBlob(client, repository, blob, bar);
      seen.add(`${origin} ${blob.digest}`);
    } finally {
      bar.end();
    }
  });
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  return { image: text, digest: plan.digest, platforms: plan.platforms, blobs: blobs.length, bytes };
}

/** After the first failure nothing new is begun; what is under way ends first. */
async function forEach<T>(
  items: readonly T[],
  parallel: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const work = async (): Promise<void> => {
    try {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await act(item);
    } catch (error) {
      rest.length = 0;
      throw error;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: parallel }, work));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** As docker shows them. */
function shorten(digest: Digest): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}

function parseName(text: string): ImageName & { readonly text: string } {
  const name = parseImageName(text);
  if (name === undefined) {
    throw new CliError(`"${text}" is no image name: [host/]repository[:tag][@digest]`, EXIT.wrongUsage);
  }
  return { ...name, text };
}

function parseParallel(text: string): number {
  const count = Number(text);
  if (/^\d{1,2}$/.test(text) && count >= 1 && count <= 32) return count;
  throw new InvalidArgumentError('It must be a number from 1 to 32.');
}

function parseConnect(text: string): Connect {
  const [, host = '', port] = /^(\[[\da-fA-F:.]+\]|[\w.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (port !== undefined && Number(port) >= 1 && Number(port) <= 65_535) {
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  }
  throw new InvalidArgumentError('It must be host:port, such as 127.0.0.1:443.');
}
