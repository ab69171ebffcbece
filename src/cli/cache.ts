import { Command, InvalidArgumentError, Option } from 'commander';

import type { StoreEntry } from '../cache/blob-store.ts';
import { parseSize } from '../config/parse-size.ts';
import { type Digest, parseDigest } from '../oci/digest.ts';
import { describeCode } from '../system/error-code.ts';
import type { CacheAccess } from './cache/cache-access.ts';
import { openCacheDirectory, openConfiguredCache } from './cache/open-cache.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { formatOutput, OUTPUT_FORMATS, type OutputFormat } from './format-output.ts';
import { createProgress, formatBytes } from './progress.ts';
import { readConfig } from './read-config.ts';

type Place = { config?: string; directory?: string };

/** `berth cache`: the blobs on disk, of a running Berth or of a directory that nobody uses now. */
export function createCacheCommand(deps: CliDeps): Command {
  const command = new Command('cache').description(
    'Looks after the blobs on disk: through the control socket where Berth runs, otherwise in cache.directory itself.',
  );
  command.addCommand(createListCommand(deps));
  command.addCommand(createRemoveCommand(deps));
  command.addCommand(createVerifyCommand(deps));
  command.addCommand(createCollectCommand(deps));
  return command;
}

function createListCommand(deps: CliDeps): Command {
  return inPlace(new Command('ls').description('Lists the blobs, last used first.'))
    .addOption(
      new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS).default('table'),
    )
    .action(async (options: Place & { output: OutputFormat }) => {
      await withCache(options, deps, async (cache) => {
        const usage = await cache.usage();
        const blobs = (await all(cache)).toSorted((a, b) => b.lastUsedAt - a.lastUsedAt).map(describe);
        const rows = blobs.map(({ digest, bytes, lastUsed, published }) => [
          digest,
          options.output === 'table' ? formatBytes(bytes) : String(bytes),
          lastUsed,
          published,
        ]);
        const header = ['DIGEST', 'SIZE', 'LAST USED', 'PUBLISHED'];
        deps.stdout(formatOutput({ document: { usage, blobs }, header, rows }, options.output));
        if (options.output !== 'table') return;
        const partials = `${usage.partials} partial (${formatBytes(usage.partialBytes)})`;
        deps.stdout(`\n${usage.entries} blobs (${formatBytes(usage.bytes)}), ${partials}\n`);
        if (usage.degraded !== undefined) deps.stdout(`Nothing is written now: ${usage.degraded}\n`);
      });
    });
}

function createRemoveCommand(deps: CliDeps): Command {
  return inPlace(new Command('rm').description('Removes blobs; what a client reads now stays.'))
    .argument('<digest...>', 'sha256:… or sha512:…', collectDigests)
    .action(async (digests: readonly Digest[], options: Place) => {
      await withCache(options, deps, async (cache) => {
        let stayed = 0;
        for (const digest of digests) {
          const result = await cache.remove(digest);
          deps.stdout(`${digest} ${result}\n`);
          if (result !== 'removed') stayed += 1;
        }
        if (stayed > 0) throw new CliError(`${stayed} of ${digests.length} were not removed`);
      });
    });
}

function createVerifyCommand(deps: CliDeps): Command {
  return inPlace(
    new Command('verify').description(
      'Hashes blobs again and removes those whose bytes are not what their digest says; exit code 1 where there was one.',
    ),
  )
    .argument('[digest...]', 'left out: all', collectDigests)
    .action(async (digests: readonly Digest[], options: Place) => {
      await withCache(options, deps, (cache) => verify(cache, digests, deps));
    });
}

async function verify(cache: CacheAccess, digests: readonly Digest[], deps: CliDeps): Promise<void> {
  const entries = await all(cache);
  const chosen = digests.length === 0 ? entries : entries.filter(({ digest }) => digests.includes(digest));
  const progress = createProgress({
    columns: deps.progressColumns,
    write: (text) => deps.stderr(text),
    now: Date.now,
  });
  const total = chosen.reduce((sum, { bytes }) => sum + bytes, 0);
  const bar = progress.begin(`${chosen.length} blobs`, total);
  const never = new AbortController().signal;
  const damaged: Digest[] = [];
  const gone: Digest[] = [];
  const unread = new Map<Digest, string>();
  let intact = 0;
  try {
    for (const { digest, bytes } of chosen) {
      const result = await cache.verify(digest, never).catch((error: unknown) => {
        // What the running Berth says about one blob, or about all of them, is said once.
        if (error instanceof CliError) throw error;
        unread.set(digest, describeCode(error));
      });
      if (result === 'ok') intact += 1;
      if (result === 'removed') damaged.push(digest);
      if (result === 'absent') gone.push(digest);
      bar.advance(bytes);
    }
  } finally {
    bar.end();
  }
  for (const digest of damaged) deps.stdout(`${digest} was damaged, and is removed\n`);
  for (const digest of gone) deps.stdout(`${digest} is no longer there\n`);
  for (const [digest, why] of unread) deps.stdout(`${digest} can not be read (${why})\n`);
  deps.stdout(
    `${intact} of ${chosen.length} blobs are what their digests say (${formatBytes(total)} read)\n`,
  );
  const missing = digests.filter((digest) => !chosen.some((entry) => entry.digest === digest));
  if (missing.length > 0) throw new CliError(`not in the cache: ${missing.join(', ')}`);
  const faults = damaged.length + unread.size;
  if (faults > 0) {
    throw new CliError(`${faults} blobs were damaged: look at the disk, and at who else writes there`);
  }
}

function createCollectCommand(deps: CliDeps): Command {
  return inPlace(
    new Command('gc').description(
      'Evicts what is beyond the limits, least recently used first, and parts that nobody continued for a week.',
    ),
  )
    .option('--max-bytes <size>', 'with --directory: the limit, such as 20GiB', parseMaxBytes)
    .action(async (options: Place & { maxBytes?: number }) => {
      if (options.maxBytes !== undefined && options.directory === undefined) {
        throw new CliError('--max-bytes only works with --directory', EXIT.wrongUsage);
      }
      await withCache(
        options,
        deps,
        async (cache) => {
          const freed = await cache.collect();
          const { entries, bytes } = await cache.usage();
          const now = `${entries} blobs (${formatBytes(bytes)}) are left`;
          deps.stdout(`${formatBytes(freed)} freed; ${now}\n`);
        },
        options.maxBytes,
      );
    });
}

function inPlace(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option(
      '--directory <directory>',
      'a cache directory that no Berth uses now, in place of a configuration',
    );
}

async function withCache(
  { config, directory }: Place,
  deps: CliDeps,
  act: (cache: CacheAccess) => Promise<void>,
  maxBytes?: number,
): Promise<void> {
  if (config !== undefined && directory !== undefined) {
    throw new CliError('give either --config or --directory, not both', EXIT.wrongUsage);
  }
  const cache =
    directory === undefined
      ? await openConfiguredCache((await readConfig(config, deps)).config, deps)
      : await openCacheDirectory(directory, deps, maxBytes);
  try {
    await act(cache);
  } finally {
    await cache.close();
  }
}

async function all(cache: CacheAccess): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for await (const entry of cache.list()) entries.push(entry);
  return entries;
}

function describe({ digest, bytes, lastUsedAt, publishedAt }: StoreEntry) {
  return {
    digest,
    bytes,
    lastUsed: new Date(lastUsedAt).toISOString(),
    published: new Date(publishedAt).toISOString(),
  };
}

function collectDigests(text: string, earlier: readonly Digest[] = []): Digest[] {
  const parsed = parseDigest(text);
  if (parsed.kind !== 'ok') throw new InvalidArgumentError('It must be a digest: sha256:… or sha512:….');
  return [...earlier, parsed.digest];
}

function parseMaxBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError('It must be a size such as 20GiB.');
  return bytes;
}
