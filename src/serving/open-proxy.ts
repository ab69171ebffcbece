import type { Config } from '../config/config.ts';
import type { Listener } from '../listener/create-listener.ts';
import { createFront, type FrontDeps } from './create-front.ts';
import type { DoorDeps } from './open-doors.ts';
import type { ProcessParts } from './process-parts.ts';
import { createReloads, type Reloads } from './reloads.ts';
import { openServing, type Serving } from './serving.ts';
import { watchProcess } from './watch-process.ts';
import type { StuckReport } from './watch-progress.ts';

/** What answers clients, in whichever process, with what keeps it up to date. */
export type Proxy = {
  readonly serving: Serving;
  /** None of them listens yet. */
  readonly listeners: readonly Listener[];
  /** Whether what is under way moves. */
  readonly progress: StuckReport;
  readonly reloads: Reloads;
};

export type ProxyDeps = Omit<DoorDeps, keyof ProcessParts> &
  Pick<FrontDeps, 'audit' | 'shared'> & {
    readonly parts: ProcessParts;
    /** Another configuration is in force. */
    readonly onConfig?: (config: Config) => void;
  };

/** @throws CertificateError, HtpasswdFileError, or an Error that names the host that no certificate covers */
export async function openProxy(config: Config, deps: ProxyDeps): Promise<Proxy> {
  const { parts, audit, shared, onConfig, ...doors } = deps;
  const { log, metrics, tracing, record, clientLimits, settings } = doors;
  const { work, pool, ticketKeys, seal } = parts;
  const serving = await openServing(config, { ...doors, work, pool, seal, ticketKeys: ticketKeys.current });
  const listeners = await createFront(config, {
    serving,
    record,
    log,
    metrics,
    tracing,
    audit,
    clientLimits,
    shared,
  });
  const progress = watchProcess({
    work,
    pool,
    bufferBytes: config.limits.bufferBytes,
    config: () => serving.config,
    metrics,
    log,
  });
  const reloads = createReloads({
    serving,
    listeners,
    record,
    ticketKeys: ticketKeys.current,
    onTicketKeys: ticketKeys.replace,
    onConfig(next) {
      onConfig?.(next);
      clientLimits.configure(next.limits);
      log.level = next.log.level;
      settings.adopt(next.registries).catch((error: unknown) => {
        log.error(
          { error: error instanceof Error ? error.message : 'unknown error' },
          'lapsed settings are still on disk',
        );
      });
    },
  });
  return { serving, listeners, progress, reloads };
}
