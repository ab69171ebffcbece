import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDirectory } from '../support/go-program.ts';
import { debianMirror } from './deploy/debian-base.ts';
import { run } from './process.ts';

/** Clients that go on at their byte where a body ends early: containers/image does since 5.25. */
export type ResumingClients = {
  readonly skopeo: string;
  readonly podman: string;
  /** For the environment of podman, so that it finds its own helpers; undefined: it is this machine's own. */
  readonly containersConf: string | undefined;
};

/** The first Debian that has both. */
const CODENAME = 'trixie';
const FIRST = { skopeo: [1, 12], podman: [4, 5] } as const;
/** Packages beside the libraries: podman looks for its helpers before it does anything. */
const PROGRAMS = ['skopeo', 'podman', 'netavark', 'conmon', 'crun'];
const DEBOOTSTRAP_TIMEOUT_MS = 600_000;

/** This machine's own where they are new enough; else newer ones with their own libraries, unpacked beside the programs that e2e builds. */
export async function installResumingClients(
  own: { readonly skopeo: string; readonly podman: string },
  say: (text: string) => void,
): Promise<ResumingClients> {
  if ((await isNewEnough(own.skopeo, FIRST.skopeo)) && (await isNewEnough(own.podman, FIRST.podman)))
    return { ...own, containersConf: undefined };
  const folder = join(cacheDirectory(), 'bin', `resuming-${CODENAME}`);
  const containersConf = join(folder, 'containers.conf');
  const bin = join(folder, 'usr/bin');
  const found = { skopeo: join(bin, 'skopeo'), podman: join(bin, 'podman'), containersConf };
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  if (isThere) return found;
  say(`skopeo and podman of Debian ${CODENAME}`);
  await mkdir(dirname(folder), { recursive: true });
  const making = await mkdtemp(join(dirname(folder), 'making-'));
  try {
    const tree = join(making, 'tree');
    await unpack(join(making, 'root'), tree);
    await useOwnLibraries(tree, folder);
    const helpers = join(folder, 'usr/lib/podman');
    const engine = `[engine]\nhelper_binaries_dir = ["${helpers}"]\nconmon_path = ["${join(bin, 'conmon')}"]\n`;
    await writeFile(join(tree, 'containers.conf'), engine);
    await rename(tree, folder);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return found;
}

async function isNewEnough(program: string, first: readonly [number, number]): Promise<boolean> {
  const { stdout } = await run([program, '--version']);
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > first[0] || (Number(major) === first[0] && Number(minor) >= first[1]);
}

async function unpack(root: string, tree: string): Promise<void> {
  const include = `--include=${PROGRAMS.join(',')}`;
  const how = ['--download-only', '--variant=minbase', include];
  await run(['debootstrap', ...how, CODENAME, root, await debianMirror()], {
    timeoutMs: DEBOOTSTRAP_TIMEOUT_MS,
  });
  const archives = join(root, 'var/cache/apt/archives');
  for (const archive of await readdir(archives)) {
    const [name = ''] = archive.split('_');
    if (name.startsWith('lib') || PROGRAMS.includes(name))
      await run(['dpkg-deb', '-x', join(archives, archive), tree]);
  }
}

/** This machine's loader and libraries are older. A starter would not do: podman starts itself again. */
async function useOwnLibraries(tree: string, folder: string): Promise<void> {
  const [architecture] = (await readdir(join(tree, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  if (architecture === undefined) throw new Error('the packages have no libraries');
  const [loader] = (await readdir(join(tree, 'usr/lib', architecture))).filter((name) =>
    /^ld-linux.*\.so\.\d+$/.test(name),
  );
  if (loader === undefined) throw new Error('the packages have no loader');
  const libraries = join(folder, 'usr/lib', architecture);
  for (const name of ['skopeo', 'podman']) {
    const flags = ['--set-interpreter', join(libraries, loader), '--force-rpath', '--set-rpath', libraries];
    await run(['patchelf', ...flags, join(tree, 'usr/bin', name)]);
  }
}
