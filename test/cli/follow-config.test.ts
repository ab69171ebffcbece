import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { followConfig } from '../../src/cli/follow-config.ts';
import { configFile } from '../support/config-file.ts';

function open(t: Test, file: unknown) {
  const fileName = join(t.testdir({}), 'berth.yaml');
  const write = (next: unknown) => writeFileSync(fileName, JSON.stringify(next));
  write(file);
  return { write, followed: followConfig(fileName, { env: {} }) };
}

t.test('the same text is the same configuration, whatever is written', async (t) => {
  const { followed, write } = open(t, configFile());
  const config = await followed.read();
  write(configFile());
  t.equal(await followed.read(), config);
  write(configFile({ push: false }));
  t.equal((await followed.read()).registries[0]?.push, false);
});

t.test('one that is wrong is told, again and again, and what was right is still known', async (t) => {
  const { followed, write } = open(t, configFile());
  const config = await followed.read();
  write({ ...configFile(), listeners: [] });
  await t.rejects(followed.read(), /listeners: has no entries/);
  await t.rejects(followed.read(), /listeners: has no entries/);
  write(configFile());
  t.equal(await followed.read(), config);
});

t.test('a long one is read aside, at the start and later', async (t) => {
  const [registry] = configFile().registries;
  const many = (push: boolean) => ({
    ...configFile(),
    registries: Array.from({ length: 400 }, (_, index) => ({
      ...registry,
      name: `team${index}`,
      loginServer: `team${index}.registry.example`,
      namespaces: Array.from({ length: 5 }, (_, at) => `mirror${at}.registry.example`),
      push,
    })),
  });
  const { followed, write } = open(t, many(true));
  t.equal((await followed.read()).registries.length, 400);
  write(many(false));
  t.ok((await followed.read()).registries.every(({ push }) => !push));
  write({ ...many(false), listeners: [] });
  await t.rejects(followed.read(), /listeners: has no entries/);
});

t.test('its name, where nobody says it', async (t) => {
  t.equal(followConfig(undefined, { env: {} }).fileName, '/etc/berth/berth.yaml');
  t.equal(followConfig(undefined, { env: { BERTH_CONFIG: '/a.yaml' } }).fileName, '/a.yaml');
});
