import { access, chmod, cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../../support/go-program.ts';
import { run } from '../process.ts';

const DEBOOTSTRAP_TIMEOUT_MS = 600_000;

/** The mirror and the release that this machine's apt uses. */
async function debianRelease(): Promise<{ readonly mirror: string; readonly codename: string }> {
  const { stdout } = await run([
    'apt-get',
    'indextargets',
    '--format',
    '$(REPO_URI) $(CODENAME)',
    'Created-By: Packages',
    'Origin: Debian',
    'Label: Debian',
    'Component: main',
  ]);
  const targets = stdout.split('\n').map((line) => line.split(' '));
  const [mirror, codename] = targets.find(([, name = '']) => /^[a-z]+$/.test(name)) ?? [];
  if (mirror === undefined || codename === undefined)
    throw new Error('apt knows no Debian release: the base of the image is made from one');
  return { mirror, codename };
}

/** Where this machine's apt has Debian from. */
export async function debianMirror(): Promise<string> {
  return (await debianRelease()).mirror;
}

/**
 * A root file system like that of the official Node images: Debian, this run's Node, npm. Made once and kept beside the
 * programs that e2e builds; gives the path of the tar.
 */
export async function debianBase(say: (text: string) => void): Promise<string> {
  const { mirror, codename } = await debianRelease();
  const npm = dirname(dirname(process.env['npm_execpath'] ?? ''));
  const { stdout: npmVersion } = await run(['npm', '--version']);
  const name = `debian-${codename}-node-${process.versions.node}-npm-${npmVersion.trim()}`;
  const file = join(cacheDirectory(), 'base', `${name}.tar`);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) return file;
  await mkdir(dirname(file), { recursive: true });
  const folder = await mkdtemp(join(dirname(file), 'making-'));
  try {
    say(`debootstrap ${codename}`);
    const root = join(folder, 'root');
    const include = '--include=ca-certificates,libatomic1';
    await run(['debootstrap', '--variant=minbase', include, codename, root, mirror], {
      timeoutMs: DEBOOTSTRAP_TIMEOUT_MS,
    });
    for (const waste of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale'])
      await rm(join(root, waste), { recursive: true, force: true });
    const local = join(root, 'usr/local');
    await cp(process.execPath, join(local, 'bin/node'));
    await chmod(join(local, 'bin/node'), 0o755);
    await cp(npm, join(local, 'lib/node_modules/npm'), { recursive: true });
    await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
    await run(['tar', '-C', root, '-cf', join(folder, 'base.tar'), '.']);
    await rename(join(folder, 'base.tar'), file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return file;
}
