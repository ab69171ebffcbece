import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian's hook that is asked before an installed service is started; 101 forbids it. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const FORBID_START = '#!/bin/sh\nexit 101\n';

const PROGRAMS = { nginx: 'nginx', curl: 'curl' } as const;

/** Installs the programs that the benchmark runs beside Berth, where they are missing, without starting a service. */
export function installPrograms(): void {
  const missing = Object.entries(PROGRAMS)
    .filter(([program]) => !isInstalled(program))
    .map(([, debianPackage]) => debianPackage);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(
      `the benchmark needs ${missing.join(' and ')}: install them, or run it as root on Debian`,
    );
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) writeFileSync(POLICY_FILE, FORBID_START, { mode: 0o755 });
  try {
    execFileSync('apt-get', ['update', '-q'], { env: environment, stdio: 'ignore' });
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], {
      env: environment,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } finally {
    if (ownPolicy) rmSync(POLICY_FILE);
  }
}

function isInstalled(program: string): boolean {
  const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return path.some((directory) => existsSync(join(directory, program)));
}
