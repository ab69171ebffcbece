import type { Config, Limits } from '../../src/config/config.ts';
import { TEST_LIMITS } from '../support/config-defaults.ts';
import { REPOSITORY, type Scene } from './scene.ts';

export const FREE = { concurrency: 100, requestsPerMinute: null, queueLength: 1000, queueSeconds: 10 };
export const TAGS = `/v2/${REPOSITORY}/tags/list`;

export function limited(limits: Partial<Limits>): Partial<Config> {
  return { limits: { ...TEST_LIMITS, ...limits } };
}

/** As many clients as tests need, told apart by a field that this listener believes. */
export function behindProxy(limits: Partial<Limits> = {}): Partial<Config> {
  const listener = { address: '127.0.0.1', port: 0, network: 'public', tls: null } as const;
  return {
    ...limited(limits),
    listeners: [{ ...listener, clientAddress: 'xForwardedFor', trustedProxies: ['127.0.0.1/32'] }],
  };
}

export const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

/** The upstream keeps everything waiting until it is told to answer. */
export function holdUpstream(scene: Scene) {
  const held: { readonly url: string; readonly client: string; release(): void }[] = [];
  let arrived = Promise.withResolvers<void>();
  scene.registry.intercept = ({ request, response }) => {
    held.push({
      url: request.url ?? '',
      client: String(request.headers['user-agent']),
      release() {
        if (response.writableEnded) return;
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{}');
      },
    });
    arrived.resolve();
    return true;
  };
  return {
    held,
    async until(count: number): Promise<void> {
      while (held.length < count) {
        arrived = Promise.withResolvers();
        await arrived.promise;
      }
    },
  };
}

export async function queueLength(scene: Scene, wanted: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while ((await scene.berth.metric('berth_upstream_queue_length')) !== wanted) {
    if (Date.now() > deadline) throw new Error(`the queue is not ${wanted} long within 5 s`);
  }
}
