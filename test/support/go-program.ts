import { execFile } from 'node:child_process';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type GoProgram = { readonly name: string; readonly source: string; readonly version: string };

/** The registry of the distribution project: an upstream with its azure driver, a peer as a pull-through cache. */
export const DISTRIBUTION: GoProgram = {
  name: 'registry',
  source: 'github.com/distribution/distribution/v3/cmd/registry',
  version: 'v3.1.1',
};

const BUILD_TIMEOUT_MS = 900_000;

const run = promisify(execFile);

/** Outside the repository: a clean checkout must stay clean, and a second run must not build again. */
export function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth-e2e');
}

/** Builds a Go program at its exact version unless it is there; gives its path. Needs Go 1.26 or newer in PATH. */
export async function installGoProgram(program: GoProgram, say: (text: string) => void): Promise<string> {
  const { name, source, version } = program;
  const folder = join(cacheDirectory(), 'bin', `${name}-${version}`);
  const path = join(folder, name);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  await run('go', ['version']).catch((error: unknown) => {
    throw new Error(`${name} is a Go program: put Go 1.26 or newer into PATH`, { cause: error });
  });
  say(`go install ${source}@${version}`);
  await mkdir(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '' };
  await run('go', ['install', `${source}@${version}`], { env, timeout: BUILD_TIMEOUT_MS });
  return path;
}
