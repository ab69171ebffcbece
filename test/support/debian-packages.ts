import { execFile } from 'node:child_process';
import { access, chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A package with a program by which it is known to be there. */
export type DebianPackage = { readonly name: string; readonly program: string };

export const REDIS_PACKAGE: DebianPackage = { name: 'redis-server', program: '/usr/bin/redis-server' };

const exec = promisify(execFile);

type RunOptions = {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Exit codes that are an answer, not a failure. */
  readonly allowCodes?: readonly number[];
};

async function run([file = '', ...args]: readonly string[], options: RunOptions): Promise<void> {
  const { env, timeoutMs: timeout, allowCodes = [] } = options;
  try {
    await exec(file, args, { env, timeout, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (typeof code !== 'number' || !allowCodes.includes(code)) throw error;
  }
}

/** Refuses every start of a service that a package's postinst asks for. */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const POLICY_TEXT = '#!/bin/sh\nexit 101\n';

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Installs what is missing, and starts none of its services. Needs root and Debian's apt-get where something is. */
export async function installDebianPackages(
  packages: readonly DebianPackage[],
  say: (text: string) => void,
): Promise<void> {
  const missing: string[] = [];
  for (const { name, program } of packages) {
    if (!(await exists(program))) missing.push(name);
  }
  if (missing.length === 0) return;
  if (!(await exists('/usr/bin/apt-get'))) {
    throw new Error(
      `the tests need ${missing.join(', ')}: install them by hand, this machine has no apt-get`,
    );
  }
  say(`apt-get install ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'l' };
  const lock = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const before = await readFile(POLICY_FILE, 'utf8').catch(() => undefined);
  if (before === undefined) {
    await writeFile(POLICY_FILE, POLICY_TEXT);
    await chmod(POLICY_FILE, 0o755);
  }
  try {
    // A third-party source that can not be reached must not stop the rest.
    await run(['apt-get', ...lock, '-q', 'update'], { env, timeoutMs: 300_000, allowCodes: [0, 100] });
    const install = ['apt-get', ...lock, '-q', 'install', '-y', '--no-install-recommends', ...missing];
    await run(install, { env, timeoutMs: 900_000 });
  } finally {
    if (before === undefined) await rm(POLICY_FILE, { force: true });
  }
}
