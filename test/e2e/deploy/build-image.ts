import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../process.ts';
import { debianBase } from './debian-base.ts';
import { npmSettings } from './npm-settings.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BUILD_TIMEOUT_MS = 600_000;
const BASE = 'localhost/berth-e2e-base:1';
const IMAGE = 'localhost/berth-e2e:1';

export type BuiltImage = {
  /** Docker archive of the image. */
  readonly archive: string;
  /** Of all layers, unpacked: of the image, and of its base. */
  readonly bytes: number;
  readonly baseBytes: number;
  readonly revision: string;
};

/**
 * Builds the `Dockerfile` as its reader would, with buildah, on a base made here; npm in it asks the registry that npm
 * on this machine asks.
 */
export async function buildBerthImage(directory: string, say: (text: string) => void): Promise<BuiltImage> {
  const base = await debianBase(say);
  const folder = join(directory, 'image');
  await mkdir(folder);
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'runroot')];
  const tool = (name: string, args: readonly string[]) =>
    run([name, ...storage, '--storage-driver', 'vfs', ...args], { timeoutMs: BUILD_TIMEOUT_MS });
  const secret = join(folder, 'npmrc');
  await writeFile(secret, await npmSettings(), { mode: 0o600 });
  const { stdout: head } = await run(['git', '-C', ROOT, 'rev-parse', 'HEAD'], { allowCodes: [0, 128] });
  const revision = head.trim() || 'unknown';
  await tool('podman', ['import', '--quiet', base, BASE]);
  say('buildah bud');
  await tool('buildah', [
    'bud',
    '--quiet',
    '--isolation=chroot',
    '--format=docker',
    `--build-arg=BASE=${BASE}`,
    `--build-arg=REVISION=${revision}`,
    `--secret=id=npmrc,src=${secret}`,
    `--tag=${IMAGE}`,
    ROOT,
  ]);
  const size = async (name: string) =>
    Number((await tool('podman', ['image', 'inspect', '--format', '{{.Size}}', name])).stdout);
  const [bytes, baseBytes] = [await size(IMAGE), await size(BASE)];
  const archive = join(directory, 'berth-image.tar');
  await tool('podman', ['save', '--quiet', '--format=docker-archive', '--output', archive, IMAGE]);
  // Copies of the base in every layer: vfs has nothing less.
  await rm(folder, { recursive: true, force: true });
  return { archive, bytes, baseBytes, revision };
}
