import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Starting Node with everything that Berth imports takes under a second; the rest is room for a busy machine. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const POLL_INTERVAL_MS = 25;
const LOG_TAIL_CHARACTERS = 2_000;

export type ServerProcess = { pid: number; stop: () => Promise<void> };

/** Starts a server and waits until it accepts on `port`; its output goes to `logFile`, whose end is in the error. */
export async function startServer(server: {
  command: string;
  args: readonly string[];
  port: number;
  logFile: string;
  environment?: NodeJS.ProcessEnv;
  /** Milliseconds between two looks. */
  pollMs?: number;
}): Promise<ServerProcess> {
  const log = openSync(server.logFile, 'a');
  const child = spawn(server.command, server.args, {
    stdio: ['ignore', log, log],
    env: server.environment ?? process.env,
  });
  closeSync(log);
  const exited = once(child, 'exit').catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${server.command} could not be started`);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(server.port))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      const tail = readFileSync(server.logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS);
      throw new Error(
        `${server.command} ${server.args.join(' ')} does not listen on ${server.port}:\n${tail}`,
      );
    }
    await delay(server.pollMs ?? POLL_INTERVAL_MS);
  }
  return {
    pid,
    stop: async () => {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exited;
      clearTimeout(force);
    },
  };
}

/** A port that was free a moment ago: nginx cannot tell which one the system chose for 0. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
