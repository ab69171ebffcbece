import type { Instruments } from './instruments.ts';

/** What of the configuration is taken up by itself, each with the files it comes from. */
const RELOAD_PARTS = ['configuration', 'ticket_keys', 'certificates', 'authorities', 'passwords'] as const;
export type ReloadPart = (typeof RELOAD_PARTS)[number];

/** `restart_needed`: in force but for some fields. `rejected`: the last good one stays. */
const RELOAD_RESULTS = ['applied', 'unchanged', 'restart_needed', 'rejected'] as const;
export type ReloadResult = (typeof RELOAD_RESULTS)[number];

/** What of the configuration was taken up, and when. */
export function reloadMetrics(make: Instruments) {
  return {
    configReloads: make.counter(
      'berth_config_reloads_total',
      'Reloads of each part of the configuration, by result.',
      { part: RELOAD_PARTS, result: RELOAD_RESULTS },
    ),
    configLastReloadSuccessful: make.gauge(
      'berth_config_last_reload_successful',
      '1 where what the files say is in force; 0 where they are wrong or need a restart.',
      { part: RELOAD_PARTS },
    ),
    configLastReloadSuccess: make.gauge(
      'berth_config_last_reload_success_timestamp_seconds',
      'When this part was last taken up, Unix time; at first the start.',
      { part: RELOAD_PARTS },
    ),
  };
}
