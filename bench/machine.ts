import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { DISTRIBUTION } from '../test/support/go-program.ts';

/** What a reader needs in order to compare the figures with another machine's. */
export type Machine = {
  date: string;
  revision: string;
  processor: string;
  cores: number;
  memoryGibibytes: number;
  kernel: string;
  loadAverage: number;
  node: string;
  openssl: string;
  nginx: string;
  curl: string;
  distribution: string;
};

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    revision: firstLine('git', ['rev-parse', '--short', 'HEAD']),
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGibibytes: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    loadAverage: loadavg()[0] ?? Number.NaN,
    node: process.version,
    openssl: process.versions.openssl,
    nginx: firstLine('nginx', ['-v']).replace('nginx version: ', ''),
    curl: firstLine('curl', ['--version']).split(' ', 2).join(' '),
    distribution: `distribution ${DISTRIBUTION.version}`,
  };
}

/** nginx prints its version to standard error: both are read. */
function firstLine(command: string, args: readonly string[]): string {
  try {
    const output = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], { encoding: 'utf8' });
    return output.split('\n', 1)[0] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
