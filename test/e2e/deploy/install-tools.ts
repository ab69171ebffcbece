import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheDirectory, type GoProgram } from '../../support/go-program.ts';

export const HELM: GoProgram = { name: 'helm', source: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0' };

const SOURCE = fileURLToPath(new URL('decode-manifests/', import.meta.url));
const BUILD_TIMEOUT_MS = 900_000;

/** Builds `decode-manifests` with the Kubernetes types of its go.sum, once for each state of its sources; gives its path. */
export async function installDecoder(say: (text: string) => void): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(await readFile(join(SOURCE, name)));
  const folder = join(cacheDirectory(), 'bin', `decode-manifests-${hash.digest('hex').slice(0, 16)}`);
  const path = join(folder, 'decode-manifests');
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  say('go build decode-manifests');
  await mkdir(folder, { recursive: true });
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly' };
  await promisify(execFile)('go', ['build', '-o', path, '.'], {
    cwd: SOURCE,
    env,
    timeout: BUILD_TIMEOUT_MS,
  });
  return path;
}
