import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import { applyConfigChange, type ConfigChange, diffConfig } from '../../src/workers/config-change.ts';
import { configFile, loaded, loadedRegistry } from '../support/config-file.ts';

const CONFIG = loaded(configFile());

function named(name: string): RegistryConfig {
  return { ...loadedRegistry(), name };
}

function withRegistries(...registries: readonly RegistryConfig[]): Config {
  return { ...CONFIG, registries };
}

/** As it comes out of the pipe. */
function sent(change: ConfigChange): ConfigChange {
  return deserialize(serialize(change)) as ConfigChange;
}

const [one, two, three] = [named('one'), named('two'), named('three')];

t.test('only registries that are others are sent, and the same arrives', async (t) => {
  const before = withRegistries(one, two, three);
  const other = { ...two, push: !two.push };
  const cases: readonly (readonly [Config, readonly unknown[]])[] = [
    [before, [0, 1, 2]],
    [withRegistries(one, other, three), [0, other, 2]],
    [withRegistries(three, one), [2, 0]],
    [withRegistries(one, two, named('four'), three), [0, 1, named('four'), 2]],
    [{ ...before, log: { level: 'debug' } }, [0, 1, 2]],
    [withRegistries(), []],
  ];
  // What the other end has is no object of this one.
  const theirs = structuredClone(before);
  for (const [now, registries] of cases) {
    const change = diffConfig(before, now);
    t.same(change.registries, registries);
    t.same(applyConfigChange(theirs, sent(change)), now);
  }
});

t.test('what has not changed is the object that it was', async (t) => {
  const theirs = structuredClone(withRegistries(one, two));
  const change = diffConfig(withRegistries(one, two), withRegistries(two));
  t.equal(applyConfigChange(theirs, sent(change)).registries[0], theirs.registries[1]);
});

t.test('a change of another configuration is refused', async (t) => {
  const change = diffConfig(withRegistries(one, two), withRegistries(two));
  t.throws(() => applyConfigChange(withRegistries(one), change), /there was no registry 1/);
});
