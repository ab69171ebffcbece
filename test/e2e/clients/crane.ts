import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../process.ts';
import { createSpace, type Space } from '../space.ts';
import type { Client, ClientSetup } from './client.ts';
import { verifyBlobFolder } from './verify.ts';

export type Crane = {
  readonly space: Space;
  readonly argv: (args: readonly string[]) => string[];
  readonly env: NodeJS.ProcessEnv;
};

/** crane with the run's authority and, where wanted, one user's login. */
export async function openCrane(
  setup: ClientSetup,
  login?: { readonly registry: string; readonly credentials: readonly [string, string] },
): Promise<Crane> {
  const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
  const home = join(setup.directory, 'home');
  await mkdir(home, { recursive: true });
  const env = { PATH: process.env['PATH'], HOME: home, DOCKER_CONFIG: home, SSL_CERT_FILE: setup.caFile };
  const argv = (args: readonly string[]) => space.argv([setup.programs.crane, ...args]);
  if (login !== undefined) {
    const [user, password] = login.credentials;
    const words = ['auth', 'login', login.registry, '-u', user, '--password-stdin'];
    await run(argv(words), { env, input: password });
  }
  return { space, argv, env };
}

export const crane: Client = {
  name: 'crane',
  configuration: 'none',
  async pull(setup, target) {
    const { registry, credentials } = target;
    const tool = await openCrane(setup, credentials === undefined ? undefined : { registry, credentials });
    const layout = join(setup.directory, 'layout');
    const reference = `${registry}/${target.repository}:${target.tag}`;
    await run(tool.argv(['pull', '--format=oci', reference, layout]), { env: tool.env });
    await verifyBlobFolder(join(layout, 'blobs', 'sha256'), target.image);
  },
};
