import { isDeepStrictEqual } from 'node:util';
import type { Config, ListenerConfig } from '../config/config.ts';
import { livePart } from '../config/live-part.ts';
import type { Listener, PreparedListener } from '../listener/create-listener.ts';
import { createTurns } from '../system/turns.ts';
import { formatTicketKeys, type TicketKeys } from '../ticket/ticket-keys.ts';
import { checkCoverage } from './check-coverage.ts';
import { keepEqualRegistries } from './keep-equal.ts';
import type { ReloadRecord } from './reload-record.ts';
import type { Serving } from './serving.ts';

/** Where what may have changed is read from; each throws an Error whose message is for the operator. */
export type ReloadSources = {
  config(): Promise<Config>;
  /** @param config the one in force after the reload, which names the file */
  ticketKeys(config: Config): Promise<TicketKeys>;
};

export type ReloadDeps = {
  readonly serving: Serving;
  readonly listeners: readonly Listener[];
  readonly record: ReloadRecord;
  readonly ticketKeys: () => TicketKeys;
  /** Called when all is well, in the same step in which the doors change. */
  readonly onTicketKeys: (keys: TicketKeys) => void;
  readonly onConfig: (config: Config) => void;
};

export type Reloads = {
  /**
   * Takes up what the sources say now, each part by itself: keys are not held up by a mistake in the configuration. Checked
   * whole before anything changes, in turns with whatever is under way; what is wrong leaves the last good one in force, and
   * is said in log and metrics. Never rejects; one reload at a time.
   */
  reload(sources: ReloadSources): Promise<void>;
  /** The process ends: nothing is taken up any more, not even what is being checked. Nobody would close what that opens. */
  close(): void;
};

export function createReloads(deps: ReloadDeps): Reloads {
  const { serving, listeners, record } = deps;
  let last: Promise<void> = Promise.resolve();
  let isClosed = false;

  async function reload(sources: ReloadSources): Promise<void> {
    await tryPart('configuration', async () => reloadConfig(await sources.config()));
    if (isClosed) return;
    await tryPart('ticket_keys', async () => reloadTicketKeys(await sources.ticketKeys(serving.config)));
  }

  async function tryPart(part: 'configuration' | 'ticket_keys', act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (isClosed) return;
      record.note(part, {
        result: 'rejected',
        reason: error instanceof Error ? error.message : 'unknown error',
      });
    }
  }

  async function reloadConfig(wanted: Config): Promise<void> {
    if (isClosed) return;
    const turns = createTurns();
    const before = serving.config;
    const registries = await keepEqualRegistries(before.registries, wanted.registries, turns);
    const { config, needRestart } = livePart(before, { ...wanted, registries });
    const next = await serving.prepare(config, turns);
    let prepared: readonly PreparedListener[];
    try {
      prepared = await Promise.all(
        listeners.map((listener, index) =>
          listener.prepare(config.listeners[index] as ListenerConfig, config),
        ),
      );
      await checkCoverage(
        next.secureHosts,
        prepared.flatMap(({ certificates }) => [...certificates]),
        turns,
      );
    } catch (error) {
      next.discard();
      throw error;
    }
    if (isClosed) {
      next.discard();
      return;
    }
    // Last: from here to the end nothing waits, so no request sees one part of the new and one of the old.
    next.commit();
    for (const listener of prepared) listener.commit();
    deps.onConfig(config);
    if (needRestart.length > 0)
      record.note('configuration', { result: 'restart_needed', fields: needRestart });
    else
      record.note('configuration', { result: isDeepStrictEqual(before, config) ? 'unchanged' : 'applied' });
  }

  function reloadTicketKeys(keys: TicketKeys): Promise<void> {
    if (isClosed) return Promise.resolve();
    const unchanged = formatTicketKeys(keys) === formatTicketKeys(deps.ticketKeys());
    if (!unchanged) deps.onTicketKeys(keys);
    record.note('ticket_keys', { result: unchanged ? 'unchanged' : 'applied' });
    return Promise.resolve();
  }

  return {
    reload(sources) {
      last = last.then(() => (isClosed ? undefined : reload(sources)));
      return last;
    },
    close() {
      isClosed = true;
    },
  };
}
