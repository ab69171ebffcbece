import type { Dispatcher } from 'undici';
import { classifyFailure } from '../failure.ts';
import { outcomeOfStatus } from '../observe-exchange.ts';
import type { UpstreamRegistry } from '../upstream-registry.ts';
import type { RegionHealth } from './region-health.ts';
import type { ProbeTarget } from './start-probes.ts';

/**
 * Asks a region's registry for `/v2/` (401 is as good as 200), and the storage host that was last of use for `/`, which any
 * answer but a 5xx is good for. What comes of it is told to `health`.
 *
 * @param member its questions are observed (`onOutcome`)
 * @param storage not observed
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
      // Whatever it is, it is not for us.
      await body.dump().catch(() => undefined);
      const outcome = outcomeOfStatus(statusCode);
      if (outcome?.kind === 'ok') health.succeeded('storage', origin);
      else health.failed('storage', outcome?.reason ?? `status ${statusCode}`, origin);
      return outcome?.kind === 'ok';
    } catch (error) {
      health.failed('storage', classifyFailure(error, 'storage').kind, origin);
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
