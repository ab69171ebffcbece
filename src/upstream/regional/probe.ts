import type { Dispatcher } from 'undici';
import { outcomeOfStatus } from '../observe-exchange.ts';
import type { UpstreamRegistry } from '../upstream-registry.ts';
import type { RegionHealth } from './region-health.ts';
import type { ProbeTarget } from './start-probes.ts';

/**
 * Asks a region's registry for `/v2/` (401 is as good as 200), and the storage host that was last of use for `/`, which any
 * answer but a 5xx is good for. Both tell `health` by the way they are asked; this one only says what came of it.
 *
 * @param storage observed (`observeStorage`), as are the questions of `upstream`
 */
export function createProbe(
  health: RegionHealth,
  member: { readonly upstream: Pick<UpstreamRegistry, 'ping'> } | undefined,
  storage: Dispatcher,
): ProbeTarget {
  async function asksRegistry(signal: AbortSignal): Promise<boolean> {
    if (member === undefined) return true;
    try {
      return isGood(await member.upstream.ping(signal));
    } catch {
      return false;
    }
  }

  async function asksStorage(signal: AbortSignal): Promise<boolean> {
    const origin = health.storageOrigin;
    if (origin === undefined) return true;
    try {
      const { statusCode, body } = await storage.request({ origin, path: '/', method: 'GET', signal });
      await body.dump();
      return isGood(statusCode);
    } catch {
      return false;
    }
  }

  return {
    health,
    async probe(signal) {
      const results = await Promise.all([asksRegistry(signal), asksStorage(signal)]);
      return results.every(Boolean) ? 'ok' : 'failed';
    },
  };
}

function isGood(status: number): boolean {
  return outcomeOfStatus(status)?.kind === 'ok';
}
