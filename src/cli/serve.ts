import { Command, Option } from 'commander';
import type { Logger } from 'pino';

import type { Config } from '../config/config.ts';
import { PRESET_NAMES, type PresetName } from '../config/presets.ts';
import { formatPath } from '../config/problem.ts';
import { readKeyFile } from '../ticket/key-file.ts';
import { generateTicketKeys } from '../ticket/ticket-keys.ts';
import type { BoundAddress, CliDeps, RunningApp } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { flagConfig, flagOf, nameFlags, type ServeFlags } from './flag-config.ts';
import { type FollowedConfig, followConfig } from './follow-config.ts';
import { collect, parsePort, parseWorkers } from './parse-option.ts';
import { plainUpstreams } from './plain-upstreams.ts';
import { describeStartError } from './start-error.ts';
import { type FileWatch, watchFiles } from './watch-files.ts';
import { watchedFiles } from './watched-files.ts';

type Options = {
  config?: string;
  upstream?: string;
  port: number;
  push: boolean;
  allowPrivate?: string[];
  preset?: PresetName;
  cache?: string;
  redirectHost?: string[];
  tokenHost?: string[];
  workers?: number | 'auto';
};

const DEFAULT_PORT = 5000;

/** `berth serve`: runs the proxy until the process is asked to end. */
export function createServeCommand(deps: CliDeps): Command {
  const command = new Command('serve');
  return command
    .description(
      'Runs the proxy: from a configuration, or, with --upstream, as one registry on loopback without any file.',
    )
    .option('--config <file>', 'the configuration; otherwise BERTH_CONFIG, otherwise /etc/berth/berth.yaml')
    .option('--upstream <url>', 'the registry to stand in front of, such as https://contoso.azurecr.io')
    .option('--port <port>', 'with --upstream: port on loopback', parsePort, DEFAULT_PORT)
    .option('--push', 'with --upstream: passes uploads, mounts and deletes on', false)
    .option(
      '--allow-private <cidr...>',
      'with --upstream: networks beyond the public internet that it may resolve to',
      collect,
    )
    .addOption(
      new Option(
        '--preset <name>',
        'with --upstream: the public registry that it is (otherwise told by its host name)',
      ).choices(PRESET_NAMES),
    )
    .option(
      '--redirect-host <pattern...>',
      'with --upstream: where it may redirect to (otherwise what its preset says)',
      collect,
    )
    .option('--token-host <host...>', 'with --upstream: further hosts of its token service', collect)
    .option(
      '--cache <directory>',
      'with --upstream: keeps blobs in this directory; one Berth alone may use it',
    )
    .option(
      '--workers <count>',
      'processes that serve clients, or auto: one per core (otherwise what the configuration says)',
      parseWorkers,
    )
    .action(async (options: Options) => {
      const alone = ['port', 'push', 'allowPrivate', 'preset', 'redirectHost', 'tokenHost', 'cache'].filter(
        (name) => command.getOptionValueSource(name) === 'cli',
      );
      const { workers } = options;
      const { config, followed } = await serveConfig(options, alone, deps);
      await serve({ config: withWorkers(config, workers), followed, workers }, deps);
    });
}

type Served = {
  readonly config: Config;
  /** Undefined: by flags, so that there is nothing to take up again. */
  readonly followed: FollowedConfig | undefined;
  /** In place of what the configuration says, also at a reload. */
  readonly workers?: number | 'auto' | undefined;
};

function withWorkers(config: Config, workers: number | 'auto' | undefined): Config {
  return workers === undefined ? config : { ...config, workers };
}

async function serveConfig(options: Options, flags: readonly string[], deps: CliDeps): Promise<Served> {
  const { upstream } = options;
  if (upstream === undefined) {
    if (flags.length > 0) {
      const names = flags.map((name) => `--${name.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);
      throw new CliError(`${names.join(', ')} only works with --upstream`, EXIT.wrongUsage);
    }
    const followed = followConfig(options.config, deps);
    return { config: await followed.read(), followed };
  }
  if (options.config !== undefined) {
    throw new CliError('give either --config or --upstream, not both', EXIT.wrongUsage);
  }
  const { port, push, preset, cache, allowPrivate = [], redirectHost = [], tokenHost = [] } = options;
  const serveFlags: ServeFlags = {
    upstream,
    port,
    push,
    allowPrivate,
    preset,
    cacheDirectory: cache,
    redirectHosts: redirectHost,
    tokenHosts: tokenHost,
  };
  const config = flagConfig(serveFlags, deps.env, deps.loopbackAddresses());
  if (config.registries.every((registry) => registry.redirectHosts.length === 0)) {
    deps.stderr(
      `No preset fits ${upstream}, so redirects to any other host are refused: name its storage with --redirect-host, or its kind with --preset.\n`,
    );
  }
  return { config, followed: undefined };
}

async function serve({ config, followed, workers }: Served, deps: CliDeps): Promise<void> {
  const log = deps.createLogger(config.log.level);
  const stopped = followed === undefined ? untilHungUp(deps) : deps.stopSignal();
  let app: RunningApp | undefined;
  let started: Awaited<ReturnType<RunningApp['start']>>;
  try {
    const { keyFile } = config.ticket;
    const ticketKeys = keyFile === null ? generateTicketKeys() : await readKeyFile(keyFile);
    app = await deps.createApp(config, { log, ticketKeys });
    started = await app.start();
  } catch (error) {
    // Listeners that did open would keep the process alive.
    await app?.stop().catch(() => {});
    throw new CliError(describeStartError(error));
  }
  warnOfPlainUpstreams(config, followed === undefined, log);
  const running = app;
  deps.onReopenSignal(() => void running.reopenAuditLog());
  const listeners = started.listeners.map(formatAddress);
  const metrics = started.metrics === null ? null : formatAddress(started.metrics);
  const consoleAddress = started.console === null ? null : formatAddress(started.console);
  log.info({ version: deps.version, listeners, metrics, console: consoleAddress }, 'listening');
  const watch = followed && followFiles({ config, followed, workers }, app, deps);
  await aborted(stopped);
  watch?.stop();
  log.info({ drainSeconds: config.timeouts.drainSeconds }, 'stopping: transfers under way may end');
  await app.stop();
  log.info('stopped');
}

/** @param byFlags whether whoever reads it knows flags alone */
function warnOfPlainUpstreams(config: Config, byFlags: boolean, log: Pick<Logger, 'warn'>): void {
  for (const { path, message, hint = '' } of plainUpstreams(config)) {
    const [field, text] = [formatPath(path), `${message}; ${hint}`];
    log.warn({ field: byFlags ? flagOf(field) : field }, byFlags ? nameFlags(text) : text);
  }
}

/** From now on, changed files are taken up, and all of them at SIGHUP. */
function followFiles(
  { followed, config: start, workers }: Served & { readonly followed: FollowedConfig },
  app: RunningApp,
  deps: CliDeps,
): FileWatch {
  let config = start;
  const reload = (): Promise<void> =>
    app.reload({
      async config() {
        config = withWorkers(await followed.read(), workers);
        return config;
      },
      // The file never loses its name: without one every replica would make keys of its own.
      ticketKeys: ({ ticket }) => readKeyFile(ticket.keyFile ?? ''),
    });
  deps.onReloadSignal(() => void reload());
  return watchFiles({ files: () => watchedFiles(followed.fileName, config), onChange: reload });
}

function formatAddress({ address, port }: BoundAddress): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Without a file there is nothing to reload: SIGHUP says that the terminal has gone, and ends the process as SIGTERM does. */
function untilHungUp(deps: CliDeps): AbortSignal {
  const hungUp = new AbortController();
  deps.onReloadSignal(() => hungUp.abort());
  return AbortSignal.any([deps.stopSignal(), hungUp.signal]);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
