import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../support/image.ts';
import { run, startDaemon, waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import { createSpace } from '../space.ts';
import { type Client, nativeManifest } from './client.ts';

const START_TIMEOUT_MS = 60_000;

/** buildkitd with its own worker on runc; a build that adds one file to the image, so that it is pulled and unpacked. */
export const buildkit: Client = {
  name: 'buildkit',
  configuration: 'buildkit',
  async pull(setup, target) {
    const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
    for (const [path, text] of setup.files) await space.write(path, text);
    const folder = (name: string) => join(setup.directory, name);
    for (const name of ['root', 'home', 'context']) await mkdir(folder(name), { recursive: true });
    const reference = `${target.registry}/${target.repository}:${target.tag}`;
    await writeFile(join(folder('context'), 'Dockerfile'), `FROM ${reference}\nCOPY Dockerfile /added\n`);
    const address = `unix://${folder('buildkitd.sock')}`;
    const env = { PATH: process.env['PATH'], HOME: folder('home'), TMPDIR: folder('home') };
    const flags = [
      `--root=${folder('root')}`,
      `--addr=${address}`,
      '--oci-worker=true',
      '--oci-worker-snapshotter=native',
      '--containerd-worker=false',
    ];
    const argv = space.argv([setup.programs.buildkitd, ...flags]);
    const daemon = await startDaemon('buildkitd', argv, { logFile: folder('buildkitd.log'), env });
    const tokenHosts = [target.registry, ...mirrorsOf(setup.files)].flatMap((host) => [
      host,
      `https://${host}`,
    ]);
    try {
      const ready = () => access(folder('buildkitd.sock')).then(() => true);
      await waitUntil('buildkitd', ready, { daemon, timeoutMs: START_TIMEOUT_MS });
      const build = [
        'build',
        // Tokens are fetched by the client, not by the daemon that has the file.
        ...tokenHosts.map((host) => `--registry-auth-tlscontext=host=${host},ca=${setup.caFile}`),
        '--progress=plain',
        '--frontend=dockerfile.v0',
        `--local=context=${folder('context')}`,
        `--local=dockerfile=${folder('context')}`,
        `--output=type=oci,tar=false,dest=${folder('out')}`,
      ];
      await run(space.argv([setup.programs.buildctl, `--addr=${address}`, ...build]), { env });
    } finally {
      await daemon.end();
    }
    const digests = await readLayers(folder('out'));
    const { layers } = nativeManifest(target.image);
    expectEqual(
      digests.slice(0, layers.length),
      layers.map(({ digest }) => digest),
      'layers of what was built',
    );
    expectEqual(digests.length, layers.length + 1, 'layers in all');
  },
};

function mirrorsOf(files: ReadonlyMap<string, string>): readonly string[] {
  const toml = files.get('buildkit/buildkitd.toml') ?? '';
  return [...toml.matchAll(/mirrors = \["([^"]+)"\]/g)].map(([, host = '']) => host);
}

type Descriptors = {
  readonly manifests?: readonly { readonly digest: string }[];
  readonly layers?: readonly { readonly digest: string }[];
};

/** Digests of the layers of an OCI layout with one image, each of whose files has its own digest. */
async function readLayers(layout: string): Promise<readonly string[]> {
  const index: Descriptors = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
  const manifest: Descriptors = JSON.parse((await readBlob(layout, index.manifests?.[0]?.digest)).toString());
  const digests = (manifest.layers ?? []).map(({ digest }) => digest);
  for (const digest of digests) await readBlob(layout, digest);
  return digests;
}

async function readBlob(layout: string, digest = ''): Promise<Buffer> {
  const content = await readFile(join(layout, 'blobs', 'sha256', digest.replace('sha256:', '')));
  expect(digestOf(content) === digest, `content of ${digest}`);
  return content;
}
