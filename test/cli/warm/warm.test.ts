import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runCli } from '../../../src/cli/create-program.ts';
import { USERS } from '../../flow/callers.ts';
import { openScene, REPOSITORY, type Scene, type SceneOptions } from '../../flow/scene.ts';
import { testDeps } from '../../support/cli-deps.ts';
import { configFile } from '../../support/config-file.ts';
import { buildImage } from '../../support/image.ts';

const image = buildImage({ seed: 'warm', layerSizes: [400_000, 90_000, 10] });
const [amd64, arm64] = image.manifests;
if (amd64 === undefined || arm64 === undefined) throw new Error('the image has two platforms');

/** Berth before a registry that has the image, and the command with a configuration that names it. */
async function openWarm(t: Test, options: SceneOptions = {}) {
  const scene = await openScene(t, { blobs: { kind: 'serve', ranges: 'all' }, ...options });
  scene.registry.store.putImage(REPOSITORY, image, '1.0');
  const directory = t.testdir({ 'credentials.txt': 'ana:ana-password\n', 'wrong.txt': 'ana:geheim\n' });
  const config = join(directory, 'berth.yaml');
  writeFileSync(config, JSON.stringify(configFile()));
  const base = ['--ca', scene.authority.caFile, '--connect', `127.0.0.1:${scene.berth.port}`];
  const warm = async (...args: string[]) => {
    const { deps, output } = testDeps({ env: { BERTH_CONFIG: config } });
    const exitCode = await runCli(['warm', ...args, ...base], deps);
    return { exitCode, ...output };
  };
  return { scene, warm, directory };
}

/** Digests of the blobs that the registry was asked for. */
function blobsOf({ registry }: Scene): Set<string> {
  const targets = registry.requests.filter(({ endpoint }) => endpoint === 'blob').map(({ target }) => target);
  return new Set(targets.map((target) => target.replace(/^.*\/|\?.*$/g, '')));
}

const digestsOf = ({ config, layers }: typeof amd64) =>
  new Set([config, ...layers].map(({ digest }) => digest));

t.test('one platform of an image, by way of the data endpoints', async (t) => {
  const { scene, warm } = await openWarm(t);
  const name = `contoso.registry.example/${REPOSITORY}:1.0`;
  const result = await warm(name, '--platform', 'linux/amd64', '-o', 'json');
  t.match(result, { exitCode: 0, stderr: '' });
  const bytes = [amd64.config, ...amd64.layers].reduce((sum, blob) => sum + blob.bytes.length, 0);
  t.same(JSON.parse(result.stdout), [
    { image: name, digest: image.index.digest, platforms: ['linux/amd64'], blobs: 4, bytes },
  ]);
  t.same(blobsOf(scene), digestsOf(amd64));
  t.equal(await scene.berth.metric('berth_redirects_total', { delivery: 'dedicated' }), 4);
  t.ok((await scene.berth.metric('berth_blob_transmit_bytes_total')) >= bytes);
  const kept = await scene.berth.metric('berth_manifest_cache_size_bytes');
  t.ok(kept > image.index.bytes.length + amd64.bytes.length, 'the manifests are in memory');
  const table = await warm(`${REPOSITORY}:1.0`, '--platform', 'linux/arm64');
  t.match(
    table.stdout,
    /^IMAGE +DIGEST +PLATFORMS +BLOBS +SIZE\nteam\/app:1\.0 +sha256:\w+ +linux\/arm64 +4 +4\d\d\.\d KiB\n$/,
  );
});

t.test('all platforms, several images: what they share is read once', async (t) => {
  const { scene, warm } = await openWarm(t);
  const again = `${REPOSITORY}@${arm64.digest}`;
  const result = await warm(`contoso.azurecr.io/${REPOSITORY}:1.0`, again, '--platform', 'all', '-o', 'tsv');
  t.match(result, { exitCode: 0, stderr: '' });
  const [first = '', second = ''] = result.stdout.split('\n');
  t.match(first, /\tlinux\/amd64,linux\/arm64\t6\t\d+$/);
  t.equal(second, `${again}\t${arm64.digest}\t-\t0\t0`);
  t.same(blobsOf(scene), new Set([...digestsOf(amd64), ...digestsOf(arm64)]));
});

t.test('a private image, inline: with credentials, and not without', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const { warm, directory } = await openWarm(t, {
      auth: { kind: 'bearer', users: USERS, publicRepositories: [] },
      registry: { delivery },
    });
    const args = [`${REPOSITORY}:1.0`, '--platform', 'linux/amd64'];
    const credentials = join(directory, 'credentials.txt');
    t.match(await warm(...args, '--credentials', credentials), { exitCode: 0, stderr: '' }, delivery);
    t.match(await warm(...args), { exitCode: 1, stderr: /^berth: team\/app:1\.0: .* was answered 401/ });
    const wrong = await warm(...args, '--credentials', join(directory, 'wrong.txt'));
    t.match(wrong, { exitCode: 1, stderr: /the token was answered 401/ });
    t.notMatch(JSON.stringify(wrong), /geheim/);
  }
});

t.test('what there is not, beside what there is', async (t) => {
  const { warm } = await openWarm(t);
  const result = await warm(
    `${REPOSITORY}:2.0`,
    `${REPOSITORY}:1.0`,
    '--platform',
    'linux/amd64',
    '-o',
    'tsv',
  );
  t.match(result, { exitCode: 1, stdout: /^team\/app:1\.0\t.*\n$/ });
  t.match(result.stderr, /^berth: team\/app:2\.0: \/v2\/team\/app\/manifests\/2\.0 was answered 404/);
  t.match(await warm(`${REPOSITORY}:1.0`, '--platform', 'linux/s390x'), {
    exitCode: 1,
    stderr: /nothing for linux\/s390x: choose with --platform from linux\/amd64, linux\/arm64, or all/,
  });
});

t.test('a wrong blob is said to be wrong', async (t) => {
  const { scene, warm } = await openWarm(t);
  const [layer] = amd64.layers;
  const bytes = Buffer.from(layer?.bytes ?? '');
  bytes.fill(0, 100, 200);
  scene.registry.store.putBlob(REPOSITORY, layer?.digest ?? '', bytes);
  const result = await warm(`${REPOSITORY}:1.0`, '--platform', 'linux/amd64');
  t.match(result, { exitCode: 1, stderr: new RegExp(`${layer?.digest}: what came has another digest`) });
});

t.test('with passthrough there is nothing to warm', async (t) => {
  const { scene, warm } = await openWarm(t, {
    registry: { delivery: 'passthrough' },
    blobs: { kind: 'redirect', locate: () => 'https://eusreplstore28.blob.core.windows.net/x?sig=secret' },
  });
  const result = await warm(`${REPOSITORY}:1.0`, '--platform', 'linux/amd64');
  t.match(result, { exitCode: 1, stderr: /do not pass through Berth \(delivery: passthrough\)/ });
  t.notMatch(result.stderr, /secret/);
  t.equal(scene.storage.requests.length, 0, 'storage was not asked');
});

t.test('wrong usage, and what is in the way', async (t) => {
  const { warm, directory } = await openWarm(t);
  t.match(await warm('Team/App'), { exitCode: 2, stderr: /"Team\/App" is no image name/ });
  t.match(await warm(REPOSITORY, '--parallel', '33'), { exitCode: 2, stderr: /1 to 32/ });
  t.match(await warm(REPOSITORY, '--platform', 'amd64'), { exitCode: 2, stderr: /such as linux\/arm64/ });
  t.match(await warm(`ghcr.io/${REPOSITORY}`), { exitCode: 1, stderr: /answers for ghcr\.io/ });
  const none = join(directory, 'none');
  t.match(await warm(REPOSITORY, '--credentials', none), {
    exitCode: 1,
    stderr: /can not be read \(ENOENT\)/,
  });
  const { deps, output } = testDeps({ env: { BERTH_CONFIG: join(directory, 'berth.yaml') } });
  t.equal(await runCli(['warm', REPOSITORY, '--connect', '127.0.0.1'], deps), 2);
  t.match(output.stderr, /such as 127\.0\.0\.1:443/);
  t.match(await warm('--help'), { exitCode: 0, stdout: /Examples:\n {2}berth warm contoso/ });
});

t.test('bars on a terminal', async (t) => {
  const { scene, directory } = await openWarm(t);
  const { deps, output } = testDeps({
    env: { BERTH_CONFIG: join(directory, 'berth.yaml') },
    progressColumns: 80,
  });
  const args = ['warm', `${REPOSITORY}:1.0`, '--platform', 'all', '--ca', scene.authority.caFile];
  t.equal(await runCli([...args, '--connect', `127.0.0.1:${scene.berth.port}`], deps), 0);
  t.match(output.stderr, /team\/app:1\.0 sha256:[0-9a-f]{12} {2}\[/);
  t.ok(output.stderr.endsWith('\u001b[J'), 'and nothing of them is left');
  t.notOk(output.stdout.includes('\u001b'));
});
