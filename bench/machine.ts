import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { DISTRIBUTION } from '../test/support/go-program.ts';

/** The number in a program's first line about itself, without a distribution's own suffix. */
const VERSION = /\d+(?:\.\d+)+/;

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
  /** Name and version of each program beside Berth. */
  programs: readonly string[];
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
    programs: [
      `nginx ${version('nginx', ['-v'])}`,
      `HAProxy ${version('haproxy', ['-v'])}`,
      `Varnish ${version('varnishd', ['-V'])}`,
      `distribution ${DISTRIBUTION.version.slice(1)}`,
      `docker-registry ${version('docker-registry', ['--version'])} (Debian)`,
      `Docker ${version('dockerd', ['--version'])}`,
      `curl ${version('curl', ['--version'])}`,
    ],
  };
}

function version(command: string, args: readonly string[]): string {
  return VERSION.exec(firstLine(command, args))?.[0] ?? 'of an unknown version';
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
