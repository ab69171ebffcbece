import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { downloadMany } from './download.ts';
import type { Options } from './options.ts';
import { cpuSeconds, resetPeak, residentBytes } from './process-figures.ts';
import type { ServerProcess } from './server-process.ts';
import { slope, spread } from './statistics.ts';
import type { Subject } from './subject.ts';
import type { Blob } from './workspace.ts';

const run = promisify(execFile);

const GIBIBYTE = 1024 ** 3;
const KIBIBYTE = 1024;
const SAMPLE_INTERVAL_MS = 250;
const MINUTE_MS = 60_000;

export type StreamFigures = { cpuSecondsPerGibibyte: number; gibibytesPerSecond: number; peakBytes: number };

/** One round of downloads through one subject. */
export async function measureStream(
  subject: Pick<Subject, 'server' | 'target'>,
  blobBytes: number,
  options: Options,
): Promise<StreamFigures> {
  const { pid } = subject.server;
  resetPeak(pid);
  const before = cpuSeconds(pid);
  const seconds = await downloadMany(subject.target, {
    count: options.downloads,
    concurrency: options.concurrency,
    bytes: blobBytes,
  });
  const gibibytes = (options.downloads * blobBytes) / GIBIBYTE;
  return {
    cpuSecondsPerGibibyte: (cpuSeconds(pid) - before) / gibibytes,
    gibibytesPerSecond: gibibytes / seconds,
    peakBytes: residentBytes(pid).peak,
  };
}

/** CPU seconds per GiB of hashing as many bytes as one round delivers, in a process of its own. */
export async function measureHash(blob: Blob, options: Options): Promise<number> {
  const { stdout } = await run(process.execPath, [
    join(import.meta.dirname, 'sha256.ts'),
    blob.file,
    String(options.downloads),
  ]);
  const { cpuSeconds: seconds, digests } = JSON.parse(stdout);
  if (!Array.isArray(digests) || digests.join() !== blob.digest.slice('sha256:'.length)) {
    throw new Error(`the hash of the blob is ${String(digests)}, not ${blob.digest}`);
  }
  return Number(seconds) / ((options.downloads * blob.bytes) / GIBIBYTE);
}

export type SlowFigures = {
  idleBytes: number;
  medianBytes: number;
  peakBytes: number;
  /** Medians of the second and of the last tenth of the time. */
  earlyBytes: number;
  lateBytes: number;
  /** Of the second half of the time, by the line of least squares. */
  trendBytesPerMinute: number;
  deliveredBytes: number;
};

/** Resident memory of a process while many clients read its blobs slowly, all of one host, each client one of them. */
export async function measureSlowClients(
  subject: { name: string; server: ServerProcess; urls: readonly string[] },
  options: Pick<Options, 'slowClients' | 'slowKibibytesPerSecond' | 'slowSeconds'>,
): Promise<SlowFigures> {
  const { pid } = subject.server;
  const { host = '', port = '' } = subject.urls.map((url) => new URL(url))[0] ?? {};
  const paths = subject.urls.map((url) => new URL(url).pathname).join(',');
  resetPeak(pid);
  const idleBytes = residentBytes(pid).now;
  const child = run(process.execPath, [
    join(import.meta.dirname, 'slow-clients.ts'),
    ...[host, port, paths, options.slowClients].map(String),
    ...[options.slowKibibytesPerSecond * KIBIBYTE, options.slowSeconds].map(String),
  ]);
  const samples: number[] = [];
  const stop = new AbortController();
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      samples.push(residentBytes(pid).now);
      await delay(SAMPLE_INTERVAL_MS);
    }
  })();
  const { stdout } = await child.finally(() => stop.abort());
  await sampling;
  const { served, failures, leastBytes, bytes } = JSON.parse(stdout);
  if (served !== options.slowClients || failures.length > 0 || leastBytes === 0) {
    throw new Error(`not every slow client was served by ${subject.name}: ${stdout}`);
  }
  // VmRSS is summed from counters that lag, so a sample may lie a little above VmHWM.
  const peakBytes = Math.max(residentBytes(pid).peak, ...samples);
  const tenth = Math.max(1, Math.floor(samples.length / 10));
  return {
    idleBytes,
    medianBytes: spread(samples).median,
    peakBytes,
    earlyBytes: spread(samples.slice(tenth, 2 * tenth)).median,
    lateBytes: spread(samples.slice(-tenth)).median,
    trendBytesPerMinute: slope(samples.slice(-samples.length / 2)) * (MINUTE_MS / SAMPLE_INTERVAL_MS),
    deliveredBytes: Number(bytes),
  };
}
