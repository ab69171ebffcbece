import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { shareConfig, withPorts, workerCount } from '../../src/workers/worker-config.ts';
import { configFile, loaded } from '../support/config-file.ts';

t.test('a configuration arrives at a worker as it was sent', async (t) => {
  for (const name of ['berth.yaml', 'sidecar.yaml']) {
    const fileName = join(import.meta.dirname, '../../config', name);
    const result = loadConfig({ text: readFileSync(fileName, 'utf8'), fileName, env: {} });
    if (result.kind !== 'ok') throw new Error(`${name} is wrong`);
    // Prototypes count: an object with methods would arrive without them.
    t.ok(isDeepStrictEqual(deserialize(serialize(result.config)), result.config), name);
  }
});

t.test('what is allotted to the instance is divided, at least one to each', async (t) => {
  const limits = { concurrency: 16 };
  const whole = loaded(
    configFile(
      { upstream: { url: 'https://contoso.azurecr.io', limits } },
      { limits: { connections: 1001 }, workers: 2 },
    ),
  );
  const worker = shareConfig(whole, { kind: 'worker', workers: 2 });
  const primary = shareConfig(whole, { kind: 'primary', workers: 2 });
  t.equal(worker.limits.connections, 501);
  t.equal(worker.limits.bufferBytes, Math.floor(whole.limits.bufferBytes / 3));
  t.equal(worker.cache.memoryMaxBytes, whole.cache.memoryMaxBytes / 2);
  t.equal(worker.registries[0]?.upstream.limits.concurrency, 7);
  t.equal(primary.registries[0]?.upstream.limits.concurrency, 2);
  const narrow = shareConfig(whole, { kind: 'worker', workers: 64 });
  t.equal(narrow.registries[0]?.upstream.limits.concurrency, 1);
  t.same(worker.limits.connectionsPerClient, whole.limits.connectionsPerClient, 'those of clients are not');
});

t.test('a registry that is the same has the same share, as the same object', async (t) => {
  const known = new WeakMap();
  const whole = loaded(configFile());
  const part = { kind: 'worker', workers: 2 } as const;
  const first = shareConfig(whole, part, known);
  const second = shareConfig({ ...whole, log: { level: 'debug' } }, part, known);
  t.equal(second.registries[0], first.registries[0]);
  const changed = whole.registries.map((registry) => ({ ...registry, push: !registry.push }));
  const third = shareConfig({ ...whole, registries: changed }, part, known);
  t.equal(third.registries[0]?.push, !first.registries[0]?.push);
});

t.test('as many as are wanted, and the ports that are bound', async (t) => {
  t.equal(workerCount({ workers: 3 }), 3);
  t.ok(workerCount({ workers: 'auto' }) >= 1);
  const config = loaded(configFile());
  t.equal(withPorts(config, [4443]).listeners[0]?.port, 4443);
  t.equal(withPorts(config, []).listeners[0]?.port, config.listeners[0]?.port);
});
