import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../process.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Packs the checkout and installs the tarball in an empty project, both by npm; gives the project's folder. */
export async function installPackage(directory: string, say: (text: string) => void): Promise<string> {
  const project = join(directory, 'project');
  await mkdir(project);
  say('npm pack, npm install');
  await run(['npm', 'pack', '--ignore-scripts=false', '--pack-destination', directory], { cwd: ROOT });
  const tarball = (await readdir(directory)).find((name) => /^berth-.*\.tgz$/.test(name)) ?? '';
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  await run(['npm', 'install', '--no-audit', '--no-fund', join(directory, tarball)], { cwd: project });
  return project;
}
