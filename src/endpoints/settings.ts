import type { Logger } from 'pino';

import type { Delivery, RegistryConfig } from '../config/config.ts';
import type { Override, Overrides } from './settings-document.ts';
import { readSettings, writeSettings } from './settings-file.ts';
import { whyNotSwitchable } from './switchable.ts';

/** What is in force for one registry. */
export type RegistryState = {
  /** For clients that the rollout has reached; the others get `passthrough`. */
  readonly delivery: Delivery;
  readonly dataEndpointEnabled: boolean;
  /** Whether the configuration says so, or `berth update` did. */
  readonly source: 'configuration' | 'update';
  /** When `berth update` did, RFC 3339; null where the configuration is in force. */
  readonly changedAt: string | null;
};

export type UpdateResult =
  | { readonly kind: 'done'; readonly state: RegistryState }
  /** The reason says what to do. */
  | { readonly kind: 'refused'; readonly reason: string };

export type Settings = {
  stateOf(registry: RegistryConfig): RegistryState;
  /** How this client gets a blob now (W1, W6). */
  deliveryFor(registry: RegistryConfig, clientAddress: string): Delivery;
  /**
   * Switches data endpoints on or off: on disk first, then in force for the next request. Of several at once each is
   * whole, and the last one stays.
   * @throws {SettingsError} where it could not be kept; then it is not in force either
   */
  update(registry: RegistryConfig, dataEndpointEnabled: boolean): Promise<UpdateResult>;
  /**
   * Takes up what is on disk together with this configuration, and drops for good what that has lapsed. At the start, once no
   * other process works with the same directory, and at each reload.
   * @throws {SettingsError} where the disk can not be read, or still has what has lapsed: it may come back at the next start
   */
  adopt(registries: readonly RegistryConfig[]): Promise<void>;
};

export type SettingsDeps = {
  /** Null: what would be changed could not be kept, so changes are refused. */
  readonly directory: string | null;
  readonly registries: readonly RegistryConfig[];
  readonly inRollout: (registry: RegistryConfig, clientAddress: string) => boolean;
  readonly log: Logger;
  /** Told about each registry once, and again at each change. */
  readonly onState: (registry: string, dataEndpointEnabled: boolean) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
};

/**
 * The settings that can change while Berth runs. An override counts as long as the configuration says what it said when
 * it was overridden; `adopt` removes one that has lapsed from the disk, so that it does not come back later. Until then nothing
 * is written: another process may be at work in the directory.
 *
 * @throws {SettingsError} where what was kept can not be read: nobody knows then what was in force
 */
export async function openSettings(deps: SettingsDeps): Promise<Settings> {
  const { directory, registries, inRollout, log, onState, now } = deps;
  let overrides: Overrides = directory === null ? new Map() : await readSettings(directory);
  let last: Promise<unknown> = Promise.resolve();

  settle(registries);

  /** Forgets what has lapsed and tells the state of each registry; gives back what was forgotten. */
  function settle(next: readonly RegistryConfig[]): readonly string[] {
    const valid = new Map<string, Override>();
    for (const [name, override] of overrides) {
      const registry = next.find((candidate) => candidate.name === name);
      if (registry !== undefined && isInForce(registry, override)) valid.set(name, override);
    }
    const lapsed = [...overrides.keys()].filter((name) => !valid.has(name));
    overrides = valid;
    for (const registry of next) onState(registry.name, stateOf(registry).dataEndpointEnabled);
    return lapsed;
  }

  async function adopt(next: readonly RegistryConfig[]): Promise<void> {
    if (directory !== null) overrides = await readSettings(directory);
    const lapsed = settle(next);
    for (const registry of lapsed) {
      log.warn({ registry }, 'kept setting lapsed: the configuration has changed since');
    }
    for (const [registry, { dataEndpointEnabled, changedAt }] of overrides) {
      log.info({ registry, dataEndpointEnabled, changedAt }, 'kept setting in force');
    }
    if (directory !== null && lapsed.length > 0) await writeSettings(directory, overrides);
  }

  function stateOf(registry: RegistryConfig): RegistryState {
    const override = overrides.get(registry.name);
    if (override === undefined || !isInForce(registry, override)) {
      const { delivery } = registry;
      const dataEndpointEnabled = delivery === 'dedicated';
      return { delivery, dataEndpointEnabled, source: 'configuration', changedAt: null };
    }
    const { dataEndpointEnabled, changedAt } = override;
    return { delivery: deliveryOf(dataEndpointEnabled), dataEndpointEnabled, source: 'update', changedAt };
  }

  async function change(registry: RegistryConfig, dataEndpointEnabled: boolean): Promise<UpdateResult> {
    const { name, delivery } = registry;
    const reason = whyNotSwitchable(registry);
    if (delivery === 'inline' || (dataEndpointEnabled && reason !== undefined)) {
      return { kind: 'refused', reason: reason ?? '' };
    }
    const before = stateOf(registry).dataEndpointEnabled;
    if (before === dataEndpointEnabled) return { kind: 'done', state: stateOf(registry) };
    if (directory === null) {
      return {
        kind: 'refused',
        reason: `the configuration has no stateDirectory, so the next start would undo the change; add one and restart Berth, or set "dataEndpointEnabled: ${dataEndpointEnabled}" for registry ${name} there`,
      };
    }
    const next = new Map(overrides);
    // What the configuration says anyway needs no override, and follows the configuration from now on.
    if (deliveryOf(dataEndpointEnabled) === delivery) next.delete(name);
    else {
      const changedAt = new Date(now()).toISOString();
      next.set(name, { dataEndpointEnabled, overrides: delivery, changedAt });
    }
    await writeSettings(directory, next);
    overrides = next;
    onState(name, dataEndpointEnabled);
    log.info(
      { registry: name, dataEndpointEnabled, configured: delivery },
      dataEndpointEnabled ? 'data endpoints switched on' : 'data endpoints switched off',
    );
    return { kind: 'done', state: stateOf(registry) };
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  }

  return {
    stateOf,
    deliveryFor(registry, clientAddress) {
      const { delivery } = stateOf(registry);
      return delivery === 'dedicated' && !inRollout(registry, clientAddress) ? 'passthrough' : delivery;
    },
    update: (registry, dataEndpointEnabled) => inTurn(() => change(registry, dataEndpointEnabled)),
    adopt(next) {
      settle(next); // requests do not wait for the disk
      return inTurn(() => adopt(next));
    },
  };
}

function isInForce(registry: RegistryConfig, override: Override): boolean {
  if (registry.delivery !== override.overrides) return false;
  return !override.dataEndpointEnabled || whyNotSwitchable(registry) === undefined;
}

function deliveryOf(dataEndpointEnabled: boolean): 'dedicated' | 'passthrough' {
  return dataEndpointEnabled ? 'dedicated' : 'passthrough';
}
