import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from 'bcryptjs';
import t from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import type { TestBerth } from '../support/berth.ts';
import { openScene, type Scene } from './scene.ts';

async function reload(berth: TestBerth, config: Config): Promise<void> {
  await berth.app.reload({
    config: () => Promise.resolve(config),
    ticketKeys: () => Promise.resolve(berth.ticketKeys),
  });
}

const successful = (berth: TestBerth, part: string): Promise<number> =>
  berth.metric('berth_config_last_reload_successful', { part });

const results = (berth: TestBerth, part: string, result: string): Promise<number> =>
  berth.metric('berth_config_reloads_total', { part, result });

/** The scene's registry twice, each with a file of authorities of its own. */
async function twoRegistries(scene: Scene, directory: string) {
  const [only] = scene.berth.config.registries;
  const first = only as RegistryConfig;
  const files = ['first.pem', 'second.pem'].map((name) => join(directory, name)) as [string, string];
  for (const file of files) writeFileSync(file, scene.authority.cert);
  const inline = { ...first, aliases: [], delivery: 'inline', dataEndpoint: null } as const;
  const registries: readonly [RegistryConfig, RegistryConfig] = [
    { ...inline, upstream: { ...first.upstream, caFile: files[0] } },
    {
      ...inline,
      name: 'other',
      loginServer: 'other.registry.example',
      upstream: { ...first.upstream, caFile: files[1] },
    },
  ];
  const config = { ...scene.berth.config, registries };
  return { files, config, registries };
}

t.test('R2 a file that is wrong is told, whatever becomes of other registries’', async (t) => {
  const scene = await openScene(t, { tls: false });
  const { berth, authority } = scene;
  const { files, config, registries } = await twoRegistries(scene, t.testdir({}));
  await reload(berth, config);
  t.equal(await successful(berth, 'configuration'), 1);
  t.equal(await successful(berth, 'authorities'), 1);
  const applied = await results(berth, 'authorities', 'applied');

  writeFileSync(files[0], 'no PEM');
  await reload(berth, config);
  t.equal(await results(berth, 'authorities', 'rejected'), 1);
  t.equal(await successful(berth, 'authorities'), 0, 'the second one’s is well, the first one’s is not');

  writeFileSync(files[0], `${authority.cert}\n`);
  const [first, second] = registries;
  const broken = { ...second, upstream: { ...second.upstream, caFile: '/nonexistent/ca.pem' } };
  await reload(berth, { ...config, registries: [first, broken] });
  t.equal(await successful(berth, 'configuration'), 0);
  t.equal(await results(berth, 'authorities', 'applied'), applied, 'nothing was taken up');
  t.equal(await successful(berth, 'authorities'), 0);

  await reload(berth, config);
  t.equal(await results(berth, 'authorities', 'applied'), applied + 1);
  t.equal(await successful(berth, 'authorities'), 1);
});

t.test('R2 a password file that is no longer named is no longer wrong', async (t) => {
  const directory = t.testdir({ 'own.txt': 'ana:ana-password\n' });
  const htpasswdFile = join(directory, 'htpasswd');
  writeFileSync(htpasswdFile, `bob:${await hash('bob-password', 4)}\n`);
  const clients = { anonymous: false, htpasswdFile, mtls: false, networks: [] };
  const scene = await openScene(t, {
    upstream: { auth: { kind: 'file', file: join(directory, 'own.txt') } },
    registry: { clients },
  });
  const { berth } = scene;
  const { config } = berth;
  writeFileSync(htpasswdFile, 'bob:plain\n');
  const deadline = Date.now() + 5000;
  while ((await results(berth, 'passwords', 'rejected')) === 0) {
    if (Date.now() > deadline) throw new Error('the mistake is not met within 5 s');
    await reload(berth, config);
  }
  t.equal(await successful(berth, 'passwords'), 0);
  const open = { ...clients, htpasswdFile: null, networks: ['127.0.0.0/8'] };
  await reload(berth, {
    ...config,
    registries: config.registries.map((registry) => ({ ...registry, clients: open })),
  });
  t.equal(await successful(berth, 'configuration'), 1);
  t.equal(await successful(berth, 'passwords'), 1);
});

t.test('R2 certificates that are no longer named are no longer wrong', async (t) => {
  const scene = await openScene(t);
  const { berth } = scene;
  const { config } = berth;
  const { listeners } = config;
  const pair = listeners[0]?.tls?.certificates[0];
  if (pair === undefined) throw new Error('this scene has no certificate');
  writeFileSync(pair.cert, 'no PEM');
  await reload(berth, config);
  t.equal(await successful(berth, 'certificates'), 0);
  const issued = await scene.authority.issue([
    'contoso.registry.example',
    'contoso.eastus.data.registry.example',
  ]);
  const tls = { certificates: [{ cert: issued.certFile, key: issued.keyFile }], clientCaFile: null };
  await reload(berth, { ...config, listeners: listeners.map((listener) => ({ ...listener, tls })) });
  t.equal(await successful(berth, 'certificates'), 1, 'other files are in force');
});

t.test(
  'R6 thousands of registries: requests are answered meanwhile, and all or nothing is taken up',
  async (t) => {
    const scene = await openScene(t, { tls: false });
    const { berth } = scene;
    const [only] = berth.config.registries as [RegistryConfig];
    const many = Array.from({ length: 5000 }, (_, index) => ({
      ...only,
      name: `team${index}`,
      loginServer: `team${index}.registry.example`,
      aliases: [],
      delivery: 'inline' as const,
      dataEndpoint: null,
    }));
    const config = { ...berth.config, registries: [...many, { ...only, push: false }] };
    const refused = { method: 'POST', path: '/v2/team/app/blobs/uploads/' };
    const push = async (): Promise<number> =>
      (await scene.send(refused.path, { method: refused.method })).status;
    const before = await push();

    const broken = { ...only, name: 'broken', loginServer: 'broken.registry.example' };
    const wrong = { ...broken, upstream: { ...only.upstream, caFile: '/nonexistent/ca.pem' } };
    await reload(berth, { ...config, registries: [...config.registries, wrong] });
    t.equal(await successful(berth, 'configuration'), 0);
    t.equal(await push(), before, 'nothing of it is in force');

    const [, ...answers] = await Promise.all([
      reload(berth, config),
      ...Array.from({ length: 20 }, () => scene.send(scene.blobPath)),
    ]);
    t.same([...new Set(answers.map(({ status }) => status))], [307]);
    t.equal(await successful(berth, 'configuration'), 1);
    t.not(await push(), before, 'all of it is in force');

    const unchanged = await results(berth, 'configuration', 'unchanged');
    await reload(berth, config);
    t.equal(await results(berth, 'configuration', 'unchanged'), unchanged + 1);
  },
);
