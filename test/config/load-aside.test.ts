import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { loadConfigAside } from '../../src/config/load-aside.ts';
import { configFile } from '../support/config-file.ts';

function input(file: unknown, env: Record<string, string> = {}) {
  return { text: JSON.stringify(file), fileName: '/etc/berth/berth.yaml', env };
}

/** More than one message of them. */
function manyRegistries() {
  const [registry] = configFile().registries;
  return {
    ...configFile(),
    registries: Array.from({ length: 250 }, (_, index) => ({
      ...registry,
      name: `team${index}`,
      loginServer: `team${index}.registry.example`,
    })),
  };
}

t.test('the same configuration as without a thread, of few registries and of many', async (t) => {
  const env = { BERTH_LOG_LEVEL: 'debug', HOME: '/nowhere' };
  for (const file of [configFile(), manyRegistries()]) {
    const result = await loadConfigAside(input(file, env));
    t.equal(result.kind, 'ok');
    t.same(result, loadConfig(input(file, env)));
    t.equal(result.kind === 'ok' && result.config.log.level, 'debug');
  }
});

t.test('the same problems', async (t) => {
  const file = { ...configFile({ delivery: 'inlien' }), port: 1 };
  const result = await loadConfigAside(input(file));
  t.equal(result.kind, 'problems');
  t.same(result, loadConfig(input(file)));
  const broken = { ...input(file), text: 'registries: [' };
  t.same(await loadConfigAside(broken), loadConfig(broken));
});

t.test('a thread that ends of itself is an error, not a wait', async (t) => {
  // What can not be posted to it at all, and what it can not work with.
  await t.rejects(loadConfigAside({ ...input({}), text: undefined as never }));
});
