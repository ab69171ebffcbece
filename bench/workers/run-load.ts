import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SCRIPT = join(import.meta.dirname, 'load.lua');
const DEADLINE_MS = 120_000;

export type Load = { seconds: number; requests: number; bytes: number };

/** What a container client takes. */
const ACCEPT = 'Accept: application/vnd.oci.image.manifest.v1+json, */*';

/**
 * Asks for `url` again and again over kept connections with wrk, one thread of C: what it takes of the CPU is little beside a
 * proxy. Throws where an answer was wrong.
 */
export async function runLoad(url: string, wanted: { connections: number; seconds: number }): Promise<Load> {
  const { protocol, host, port, pathname } = new URL(url);
  const { stdout } = await run(
    'wrk',
    [
      '--threads=1',
      `--connections=${wanted.connections}`,
      `--duration=${wanted.seconds}s`,
      '--timeout=60s',
      `--script=${SCRIPT}`,
      `--header=Host: ${host}`,
      `--header=${ACCEPT}`,
      `${protocol}//127.0.0.1:${port}${pathname}`,
    ],
    { timeout: DEADLINE_MS },
  );
  const [seconds = 0, requests = 0, bytes = 0, wrong = 0] = (stdout.trimEnd().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  if (!(seconds > 0 && requests > 0) || wrong > 0) throw new Error(`${url} was not answered well: ${stdout}`);
  return { seconds, requests, bytes };
}
