import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cpuSeconds } from '../process-figures.ts';

const run = promisify(execFile);

const CONNECTIONS = 32;
const MICROSECONDS = 1_000_000;
/** A round takes a second or two. */
const TIMEOUT_MS = 120_000;

export type RequestFigures = { microsecondsPerRequest: number; requestsPerSecond: number };

/** A way of getting one small answer from a running server. */
export type RequestSubject = {
  name: string;
  case?: string;
  /** Not Berth. */
  peer: boolean;
  pid: number;
  url: string;
  status: number;
  /** A path on each line, asked for one after the other in place of the URL's own. */
  pathsFile?: string;
  /** Where it takes a millisecond for each: so many a round instead of the section's own number. */
  requests?: number;
};

/** One round: the same question again and again over kept connections, 32 if nothing else is said, and what the server spends on it. */
export async function measureRequests(
  { pid, url, status, pathsFile }: Pick<RequestSubject, 'pid' | 'url' | 'status' | 'pathsFile'>,
  requests: number,
  connections = CONNECTIONS,
): Promise<RequestFigures> {
  const { host, port, pathname, search } = new URL(url);
  const before = cpuSeconds(pid);
  const { stdout } = await run(
    process.execPath,
    [
      join(import.meta.dirname, 'request-load.ts'),
      ...[
        host,
        port,
        pathsFile === undefined ? `${pathname}${search}` : `@${pathsFile}`,
        status,
        connections,
        requests,
      ].map(String),
    ],
    { timeout: TIMEOUT_MS },
  );
  return {
    microsecondsPerRequest: ((cpuSeconds(pid) - before) / requests) * MICROSECONDS,
    requestsPerSecond: requests / Number(stdout),
  };
}
