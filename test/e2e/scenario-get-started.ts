import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getStartedScript } from '../docs/get-started-script.ts';
import { HOSTS, SUBNET } from './hosts-file.ts';
import { run } from './process.ts';
import { expect } from './report.ts';
import { createSpace } from './space.ts';
import type { World } from './world.ts';

/** The newcomer's way, docs/get-started.md, command by command, with a real docker, in a copy of the checkout. */
export async function getStartedScenario(world: World): Promise<void> {
  await world.report.check('get-started: from a clone to docker pull, as the document says', async () => {
    const { clone } = world.prepared;
    if (clone === undefined) throw new Error('there is no copy of the checkout');
    const directory = join(world.directory, 'get-started');
    await mkdir(directory);
    const space = await createSpace(world.network.clients, join(directory, 'space'), world.machinePid);
    const { caFile } = world.authority;
    const script = getStartedScript({
      before: dockerLines(world, directory),
      berth: 'npx berth',
      flags: `--upstream https://${HOSTS.upstream.name} --allow-private ${SUBNET} --token-host ${HOSTS.token.name} --redirect-host '*.blob.core.windows.net'`,
      fields: [
        `upstream: { url: "https://${HOSTS.upstream.name}", caFile: "${caFile}", allowedPrivateAddresses: ["${SUBNET}"], tokenHosts: ["${HOSTS.token.name}"] }`,
        '    redirectHosts: ["*.blob.core.windows.net"]',
      ].join('\n'),
      // Done before, where there is a way to the packages.
      isRun: (command) => !command.startsWith('npm ci'),
      change: (command) => command.replaceAll('library/alpine:3.22', 'library/app:1'),
    });
    const file = join(directory, 'script');
    await writeFile(file, script);
    const env = { PATH: process.env['PATH'], HOME: directory, NODE_EXTRA_CA_CERTS: caFile };
    const { stdout } = await run(space.argv(['sh', '-c', `cd "${clone}" && exec bash "${file}"`]), { env });
    expect(stdout.includes('hub.here.data.registry.example:8443'), 'the data endpoint is shown');
    const pulls = stdout.match(/^Status: .*library\/app:1$/gm) ?? [];
    expect(pulls.length === 2, `docker pulls: ${pulls.join('; ')}`);
    const log = await readFile(join(clone, 'first', 'serve.log'), 'utf8');
    expect(/"door":"data_endpoint".*"status":20/.test(log), 'docker was at the data endpoint');
    return pulls.join('; ');
  });
}

/** A dockerd that reads the same `/etc` as what is typed, and a `sudo` for somebody who is root. */
function dockerLines({ programs }: World, directory: string): string[] {
  const socket = join(directory, 'docker.sock');
  const flags = [
    '--storage-driver=vfs',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    `--data-root=${join(directory, 'data')}`,
    `--exec-root=${join(directory, 'exec')}`,
    `--pidfile=${join(directory, 'docker.pid')}`,
    `--host=unix://${socket}`,
  ];
  return [
    'sudo() { "$@"; }',
    `docker() { "${programs.docker}" "$@"; }`,
    `export DOCKER_HOST=unix://${socket}`,
    `"${programs.dockerd}" ${flags.join(' ')} > "${join(directory, 'dockerd.log')}" 2>&1 & dockerd=$!`,
    'trap \'stop; kill "$dockerd"; wait "$dockerd" || true\' EXIT',
    'for turn in $(seq 600); do docker version > version.txt 2>&1 && break; kill -0 "$dockerd"; sleep 0.1; done',
  ];
}
