import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

const GIBIBYTE = 1024 ** 3;
/** A GiB over loopback takes seconds, half a minute where the upstream is held back. The certificates are this run's own. */
const CURL_ARGUMENTS = ['-sS', '--ipv4', '--location', '--insecure', '--max-time', '300'];
/** What curl sends to standard output is the blob itself, once, to compare it. */
const MAX_BUFFER_BYTES = 2 * GIBIBYTE;

export type Target = {
  /** Names below `localhost` are loopback to curl (RFC 6761). */
  url: string;
  /** Above 0: the blob is asked for from this byte on, as a range. */
  firstPos: number;
};

/** Downloads the blob `count` times, `concurrency` at once, each by a curl of its own; gives the seconds it took. */
export async function downloadMany(
  target: Target,
  wanted: { count: number; concurrency: number; bytes: number },
): Promise<number> {
  const before = performance.now();
  let left = wanted.count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await downloadOnce(target, wanted.bytes);
    }
  };
  await Promise.all(Array.from({ length: wanted.concurrency }, worker));
  return (performance.now() - before) / 1_000;
}

/** Downloads every target once, all at the same time, each by a curl of its own; gives the seconds it took. */
export async function downloadEach(targets: readonly Target[], bytes: number): Promise<number> {
  const before = performance.now();
  await Promise.all(targets.map((target) => downloadOnce(target, bytes)));
  return (performance.now() - before) / 1_000;
}

/** Downloads the blob once and throws unless its digest is right: a fast proxy of wrong bytes is no result. */
export async function checkContent(target: Target, blob: { file: string; digest: string }): Promise<void> {
  const { stdout } = await run('curl', [...CURL_ARGUMENTS, ...rangeArguments(target), target.url], {
    encoding: 'buffer',
    maxBuffer: MAX_BUFFER_BYTES,
  });
  const skipped = readFileSync(blob.file).subarray(0, target.firstPos);
  const got = `sha256:${createHash('sha256').update(skipped).update(stdout).digest('hex')}`;
  if (got !== blob.digest) {
    throw new Error(`${target.url} gave ${stdout.length} bytes that make ${got}, not ${blob.digest}`);
  }
}

async function downloadOnce(target: Target, bytes: number): Promise<void> {
  const { stdout } = await run('curl', [
    ...CURL_ARGUMENTS,
    ...rangeArguments(target),
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code} %{size_download}',
    target.url,
  ]);
  const expected = `${target.firstPos === 0 ? 200 : 206} ${bytes - target.firstPos}`;
  if (stdout !== expected) throw new Error(`${target.url} gave "${stdout}", not "${expected}"`);
}

function rangeArguments({ firstPos }: Target): string[] {
  return firstPos === 0 ? [] : ['--header', `Range: bytes=${firstPos}-`];
}
