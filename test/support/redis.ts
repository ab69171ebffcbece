import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from 'redis';
import { listen } from './server.ts';

/** A Redis of the system, on loopback and a port of its own, keeping nothing on disk. */
export type TestRedis = {
  readonly port: number;
  readonly url: string;
  /** Holds `password`, where there is one. */
  readonly passwordFile: string | null;
  /** One command, by a client of the test's own. */
  command(...args: string[]): Promise<unknown>;
  /** Stops answering, as a machine that hangs. */
  hang(): void;
  goOn(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Again on the same port, with nothing in it. */
  restart(): Promise<void>;
  close(): Promise<void>;
};

export type TestRedisOptions = {
  readonly password?: string;
  /** Nothing but TLS, with these files. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly caFile: string };
  /** A user of its own beside the default one, with the same password. */
  readonly user?: string;
};

const START_DEADLINE_MS = 30_000;

export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-redis-'));
  const port = await freePort();
  const passwordFile = options.password === undefined ? null : join(directory, 'password');
  if (passwordFile !== null && options.password !== undefined) {
    await writeFile(passwordFile, `${options.password}\n`);
    await chmod(passwordFile, 0o600);
  }
  let child = await run();

  async function run(): Promise<ChildProcess> {
    const { tls, user } = options;
    const args = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    args.push('--port', tls === undefined ? String(port) : '0');
    if (tls !== undefined) {
      args.push('--tls-port', String(port), '--tls-auth-clients', 'no');
      args.push(
        '--tls-cert-file',
        tls.certFile,
        '--tls-key-file',
        tls.keyFile,
        '--tls-ca-cert-file',
        tls.caFile,
      );
    }
    if (user !== undefined)
      args.push('--user', user, 'on', `>${options.password ?? ''}`, '~*', '&*', '+@all');
    if (options.password !== undefined) args.push('--requirepass', options.password);
    const started = spawn('redis-server', args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
    const missing = once(started, 'error').then(([error]: unknown[]) => {
      throw new Error('there is no redis-server in PATH: run "npm run programs"', { cause: error });
    });
    missing.catch(() => undefined);
    await Promise.race([once(started, 'spawn'), missing]);
    const lines = createInterface({ input: started.stdout });
    const deadline = setTimeout(() => started.kill('SIGKILL'), START_DEADLINE_MS);
    for await (const line of lines) if (line.includes('Ready to accept connections')) break;
    clearTimeout(deadline);
    started.stdout.resume();
    if (started.exitCode !== null || started.signalCode !== null)
      throw new Error('redis-server did not start');
    return started;
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  return {
    port,
    url: `${options.tls === undefined ? 'redis' : 'rediss'}://${options.user === undefined ? '' : `${options.user}@`}127.0.0.1:${port}`,
    passwordFile,
    async command(...args) {
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        ...(options.password !== undefined && { password: options.password }),
      });
      client.on('error', () => undefined);
      await client.connect();
      try {
        return await client.sendCommand(args);
      } finally {
        client.destroy();
      }
    },
    hang: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    kill,
    async restart() {
      await kill();
      child = await run();
    },
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await closeServerOf(server);
  return port;
}

function closeServerOf(server: ReturnType<typeof createServer>): Promise<unknown> {
  const closed = once(server, 'close');
  server.close();
  return closed;
}
