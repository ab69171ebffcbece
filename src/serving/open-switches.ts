import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { openSettings, type Settings } from '../endpoints/settings.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createRollouts } from '../policy/rollout.ts';

/** What `berth update` has said and will say, and whom the rollout of each registry has reached. @throws SettingsError */
export async function openSwitches(
  config: Config,
  { log, metrics }: { readonly log: Logger; readonly metrics: Metrics },
): Promise<Settings> {
  const inRollout = createRollouts();
  return openSettings({
    directory: config.stateDirectory,
    registries: config.registries,
    inRollout: ({ rollout }, address) => inRollout(rollout, address),
    log,
    onState: (registry, enabled) => metrics.dataEndpointEnabled.set({ registry }, enabled ? 1 : 0),
    now: Date.now,
  });
}
