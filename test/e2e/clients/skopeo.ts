import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process.ts';
import { createSpace } from '../space.ts';
import type { Client, ClientSetup, PullTarget } from './client.ts';
import { verifyBlobFolder } from './verify.ts';

async function openSkopeo(
  setup: ClientSetup,
  program = setup.programs.skopeo,
): Promise<(args: readonly string[]) => Promise<void>> {
  const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
  for (const [path, text] of setup.files) await space.write(path, text);
  const home = join(setup.directory, 'home');
  await mkdir(home, { recursive: true });
  const env = { PATH: process.env['PATH'], HOME: home, TMPDIR: home, XDG_RUNTIME_DIR: home };
  return async (args) => {
    await run(space.argv([program, ...args]), { env });
  };
}

export const skopeo: Client = {
  name: 'skopeo',
  configuration: 'podman',
  pull: (setup, target) => copyAll(setup, target, setup.programs.skopeo),
};

/** A release that goes on at its byte where a body ends early. */
export const resumingSkopeo: Client = {
  ...skopeo,
  pull: (setup, target) => copyAll(setup, target, setup.programs.resuming.skopeo),
};

async function copyAll(setup: ClientSetup, target: PullTarget, program: string): Promise<void> {
  const command = await openSkopeo(setup, program);
  const layout = join(setup.directory, 'layout');
  await command([
    'copy',
    '--all',
    '--preserve-digests',
    ...loginFlags('--src-creds', target),
    urlOf(target),
    `oci:${layout}:${target.tag}`,
  ]);
  await verifyBlobFolder(join(layout, 'blobs', 'sha256'), target.image);
}

function loginFlags(flag: string, { credentials }: PullTarget): string[] {
  return credentials === undefined ? [] : [flag, credentials.join(':')];
}

function urlOf(target: PullTarget): string {
  return `docker://${target.registry}/${target.repository}:${target.tag}`;
}

/** Pulls from one place into a folder and pushes that to another, all platforms, digests kept. */
export async function skopeoPush(setup: ClientSetup, from: PullTarget, to: PullTarget): Promise<void> {
  const command = await openSkopeo(setup);
  const layout = `oci:${join(setup.directory, 'layout')}:${from.tag}`;
  const copy = ['copy', '--all', '--preserve-digests'];
  await command([...copy, ...loginFlags('--src-creds', from), urlOf(from), layout]);
  await command([...copy, ...loginFlags('--dest-creds', to), layout, urlOf(to)]);
}
