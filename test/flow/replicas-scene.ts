import type { Test } from 'tap';
import type { Config, StateConfig } from '../../src/config/config.ts';
import { startBerth, type TestBerth } from '../support/berth.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { openScene, type Scene, type SceneOptions } from './scene.ts';

/** The same registry behind several Berths that share their keys and a Redis. */
export type ReplicasScene = {
  readonly redis: TestRedis;
  /** Each with a client that reaches it alone; `berth` is another one, the rest is common to all. */
  readonly replicas: readonly Scene[];
};

export async function openReplicas(
  t: Test,
  count: number,
  options: SceneOptions & { readonly configOf?: (index: number) => Partial<Config> } = {},
): Promise<ReplicasScene> {
  const redis = await startRedis();
  t.teardown(() => redis.close());
  const state = stateOf(redis);
  const configOf = (index: number): Partial<Config> => ({
    ...options.config,
    state,
    ...options.configOf?.(index),
  });
  const first = await openScene(t, { ...options, config: configOf(0) });
  const replicas = [first];
  for (let index = 1; index < count; index += 1) {
    const { authority } = first;
    const { registries } = first.berth.config;
    const berth = await startBerth({
      authority,
      registries,
      ticketKeys: first.berth.ticketKeys,
      config: configOf(index),
    });
    t.teardown(() => berth.close());
    const send: Scene['send'] = (url, request) =>
      berth.client.send(url.startsWith('/') ? `${first.login}${url}` : url, request);
    replicas.push({
      ...first,
      berth,
      send,
      async ticketUrl(headers = {}) {
        const { status, headers: answered } = await send(first.blobPath, { headers });
        if (status !== 307) throw new Error(`expected a redirect, got ${status}`);
        return answered.location ?? '';
      },
    });
  }
  for (const { berth } of replicas) await untilStateIs(berth, 1);
  return { redis, replicas };
}

export function stateOf(redis: TestRedis): StateConfig {
  const { url, passwordFile } = redis;
  // Long enough for a machine that does many things at once: a Redis that answers late counts as away.
  return { url, passwordFile, caFile: null, keyPrefix: 'berth:', timeoutMilliseconds: 2000 };
}

export function untilStateIs(berth: TestBerth, available: 0 | 1): Promise<void> {
  return until(
    async () => (await berth.metric('berth_state_available')) === available,
    `berth_state_available is ${available}`,
  );
}
