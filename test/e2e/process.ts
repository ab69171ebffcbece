import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';

/** Longest a program may take unless the caller says otherwise: an `apt-get install` on a slow disk, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 180_000;
/** Between SIGTERM and SIGKILL, in milliseconds: dockerd needs a few seconds to let go of its mounts, ten times that on a busy machine. */
const TERM_GRACE_MS = 60_000;
/** Output kept per stream, in bytes; a client's progress bars are longer than that and never wanted. */
const MAX_OUTPUT_BYTES = 4_194_304;

export type Output = { readonly code: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly input?: string | Buffer;
  /** Exit codes that are an answer, not a failure; `run` throws on any other. */
  readonly allowCodes?: readonly number[];
};

/** A program that did not do what it was asked to; the message ends with the last lines it wrote. */
export class CommandFailed extends Error {
  readonly code = 'command_failed';
  readonly output: Output;

  constructor(argv: readonly string[], output: Output, reason: string) {
    const tail = `${output.stdout}\n${output.stderr}`.trim().split('\n').slice(-12).join('\n    ');
    super(`${argv.join(' ').slice(0, 400)}: ${reason}\n    ${tail}`);
    this.output = output;
  }
}

async function readOutput(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    if (length < MAX_OUTPUT_BYTES) chunks.push(bytes);
    length += bytes.length;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Runs a program to its end. Throws `CommandFailed` on another exit code than allowed, on a signal and on a timeout. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [file, ...args] = argv;
  if (file === undefined) throw new Error('run: no program given');
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  // A program may end without reading its input.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  try {
    const closed = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const [stdout, stderr, code] = await Promise.all([
      readOutput(child.stdout),
      readOutput(child.stderr),
      closed,
    ]);
    const output = { code: code ?? -1, stdout, stderr };
    if (timedOut)
      throw new CommandFailed(argv, output, `not done after ${options.timeoutMs ?? DEFAULT_TIMEOUT_MS} ms`);
    if (!(options.allowCodes ?? [0]).includes(output.code)) {
      throw new CommandFailed(argv, output, `exit code ${code ?? child.signalCode}`);
    }
    return output;
  } finally {
    clearTimeout(timer);
  }
}

export type Daemon = {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Ends it by its pid: SIGTERM, then SIGKILL after a grace time. Safe to call twice. */
  end(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Undefined while it runs. */
  exited(): string | undefined;
};

/** Starts a program that stays; both of its streams go to `logFile`. */
export async function startDaemon(
  name: string,
  argv: readonly string[],
  options: { readonly logFile: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
): Promise<Daemon> {
  const [file, ...args] = argv;
  if (file === undefined) throw new Error('startDaemon: no program given');
  const log = createWriteStream(options.logFile);
  await once(log, 'open');
  const child: ChildProcess = spawn(file, args, {
    stdio: ['ignore', log, log],
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  log.end();
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  await once(child, 'spawn');
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${name}: no pid`);
  return {
    name,
    pid,
    logFile: options.logFile,
    async end() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), TERM_GRACE_MS);
        await ended;
        clearTimeout(timer);
      }
      return { code: child.exitCode, signal: child.signalCode };
    },
    exited() {
      if (child.exitCode === null && child.signalCode === null) return undefined;
      return `${name} ended by itself (${child.exitCode ?? child.signalCode}), see ${options.logFile}`;
    },
  };
}

/** Asks `ready` again and again until it answers true; throws when the daemon ends first or the time (ms) is over. */
export async function waitUntil(
  what: string,
  ready: () => Promise<boolean>,
  options: { readonly daemon?: Daemon; readonly timeoutMs: number },
): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  for (;;) {
    const exited = options.daemon?.exited();
    if (exited !== undefined) throw new Error(exited);
    if (await ready().catch(() => false)) return;
    if (Date.now() > deadline) throw new Error(`${what}: not ready after ${options.timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
