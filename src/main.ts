#!/usr/bin/env node
import { getServers } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { close as closeDebugger, url as debuggerUrl } from 'node:inspector';
import { networkInterfaces } from 'node:os';
import { styleText } from 'node:util';
import type { Logger } from 'pino';

import type { CliDeps } from './cli/cli-deps.ts';
import { createHeldCall } from './cli/held-call.ts';
import type { RawPort } from './workers/raw-port.ts';

// Before anything else is loaded: unheard, SIGHUP ends the process, and SIGUSR1 has Node open its debugger for good.
const reload = createHeldCall();
const reopen = createHeldCall();
process.on('SIGUSR1', reopen.call);
// The other commands end with their terminal.
if (process.argv[2] === 'serve') process.on('SIGHUP', reload.call);
const isWorker = process.argv[2] === 'serve-as-worker' && process.send !== undefined;
// A terminal and systemd tell every process of the group: what they say is the primary's to act on.
if (isWorker)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);

const { runCli } = await import('./cli/create-program.ts');
const { createLogger } = await import('./log.ts');

const build = readBuild();
const entry = import.meta.filename;

const deps: CliDeps = {
  env: process.env,
  version: build.version,
  columns: process.stdout.columns ?? 100,
  // Node knows the variables and the terminals.
  colours: styleText('red', 'x', { stream: process.stdout }) !== 'x',
  progressColumns: process.stderr.isTTY ? process.stderr.columns : undefined,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  createLogger: (level) => createLogger({ level, onExit: beforeExit }),
  // Only `serve` pays for loading the proxy itself.
  async createApp(config, appDeps) {
    logWarnings(appDeps.log);
    const [{ createApp }, { forkWorker }] = await Promise.all([
      import('./app.ts'),
      import('./workers/fork-worker.ts'),
    ]);
    return createApp(config, {
      ...appDeps,
      build,
      env: process.env,
      forkWorker: () => forkWorker(entry, process.execArgv),
    });
  },
  loopbackAddresses: () => ['127.0.0.1', ...(hasIpv6Loopback() ? ['::1'] : [])],
  resolveHost: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  dnsServers: getServers,
  stopSignal,
  onReloadSignal: reload.take,
  onReopenSignal(act) {
    closeUnwantedDebugger();
    reopen.take(act);
  },
};

/** A handle that something forgot must not keep a drained process until it is killed. */
const EXIT_DEADLINE_MS = 2000;

// A reader that has seen enough (`berth --help | head`) is no fault; what it did not take is of no use to anybody.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

if (isWorker) {
  // The audit log is the primary's.
  reopen.take(closeUnwantedDebugger);
  const { runWorker } = await import('./worker-app.ts');
  runWorker(primaryPort(), {
    createLogger(level) {
      const log = createLogger({ level, onExit: beforeExit });
      logWarnings(log);
      return log;
    },
    build,
    env: process.env,
    exit: () => process.exit(),
  });
} else {
  process.exitCode = await runCli(process.argv.slice(2), deps);
  setTimeout(() => process.exit(), EXIT_DEADLINE_MS).unref();
}

/**
 * What Node warns of belongs in the log, one object a line, not on standard error. That a part of Node that Berth uses on purpose is
 * experimental is nothing to act on.
 */
function logWarnings(log: Logger): void {
  // Node's own listener is what prints.
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => {
    log[name === 'ExperimentalWarning' ? 'debug' : 'warn']({ warning: name }, message);
  });
}

/** Before pino's own end of standard output, which it hears of by the same event. */
function beforeExit(end: () => void): void {
  process.prependListener('exit', end);
}

/** The pipe to the process that has started this one as its worker. */
function primaryPort(): RawPort {
  return {
    // It may be gone by now; then so is this process at the next turn.
    send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
    onMessage: (handler) => process.on('message', handler),
    onClose: (handler) => process.on('disconnect', handler),
  };
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  // Once: a second signal ends the process at once, without draining.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

/**
 * SIGUSR1 before the first line of this file opened it; Node's --disable-sigusr1 would keep the signal from Berth as well. To
 * be called late: for one signal Node opens it up to three times, by an interrupt and by the event loop.
 */
function closeUnwantedDebugger(): void {
  if (debuggerUrl() !== undefined && !isDebuggerWanted()) closeDebugger();
}

function isDebuggerWanted(): boolean {
  return [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some((words) =>
    /--inspect(?!-port|-publish)/.test(words),
  );
}

/** `gitHead` is there in an image and in what npm publishes, not in a checkout. */
function readBuild(): { readonly version: string; readonly revision: string } {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const content: { readonly version?: string; readonly gitHead?: string } = JSON.parse(text);
  return { version: content.version ?? 'unknown', revision: content.gitHead ?? 'unknown' };
}

function hasIpv6Loopback(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  );
}
