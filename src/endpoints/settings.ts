import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';

import type { Delivery, RegistryConfig } from '../config/config.ts';
import type { Override, Overrides } from './settings-document.ts';
import { lockSettings, readSettings, SettingsError, writeSettings } from './settings-file.ts';
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
   * @throws {SettingsError} where it could not be kept, or the file is not understood any more; then it is not in force either
   */
  update(registry: RegistryConfig, dataEndpointEnabled: boolean): Promise<UpdateResult>;
  /**
   * Keeps other processes off the directory, and takes up what is on disk now. From here on memory is what counts.
   * @throws {SettingsError} where another process has the directory, or the disk can not be read
   */
  start(): Promise<void>;
  /**
   * Another configuration, in force at once; drops for good what that has lapsed.
   * @throws {SettingsError} where the disk still has what has lapsed: it may come back at the next start
   */
  adopt(registries: readonly RegistryConfig[]): Promise<void>;
  /** What `berth update` has said and what still counts of it, for another process that serves the same. */
  readonly overrides: Overrides;
  /** In that other process: in force for the next request. */
  follow(overrides: Overrides): void;
  /** Lets other processes have the directory, once what is under way is on disk. */
  close(): Promise<void>;
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
 * it was overridden; one that has lapsed is removed from the disk, so that it does not come back later. Until `start` nothing
 * is written: another process may be at work in the directory.
 *
 * @throws {SettingsError} where what was kept can not be read: nobody knows then what was in force
 */
export async function openSettings(deps: SettingsDeps): Promise<Settings> {
  const { directory, inRollout, log, onState, now } = deps;
  let { registries } = deps;
  let onDisk: Overrides = directory === null ? new Map() : await readSettings(directory);
  let overrides = onDisk;
  const told = new Map<string, boolean>();
  let unlock: (() => void) | undefined;
  let last: Promise<unknown> = Promise.resolve();

  settle();

  /** Forgets what has lapsed and tells the state of each registry; gives back what was forgotten. */
  function settle(): readonly string[] {
    const valid = new Map<string, Override>();
    const named = new Map(registries.map((registry) => [registry.name, registry]));
    for (const [name, override] of overrides) {
      const registry = named.get(name);
      if (registry !== undefined && isInForce(registry, override)) valid.set(name, override);
    }
    const lapsed = [...overrides.keys()].filter((name) => !valid.has(name));
    overrides = valid;
    for (const registry of registries) tell(registry);
    return lapsed;
  }

  /** No registry's data endpoints go on or off without a word. */
  function tell(registry: RegistryConfig): void {
    const { name, delivery: configured } = registry;
    const { dataEndpointEnabled, source } = stateOf(registry);
    const before = told.get(name);
    if (before === dataEndpointEnabled) return;
    told.set(name, dataEndpointEnabled);
    onState(name, dataEndpointEnabled);
    if (before === undefined) return;
    log.info(
      { registry: name, dataEndpointEnabled, configured, source },
      dataEndpointEnabled ? 'data endpoints switched on' : 'data endpoints switched off',
    );
  }

  async function start(): Promise<void> {
    if (directory === null) return;
    try {
      lock(directory);
    } catch (error) {
      if (!(error instanceof SettingsError) || error.code === 'settings_in_use') throw error;
      // Where nothing can be written there is nothing to lock, and no change to lose.
      log.warn({ error: error.message }, 'what is kept can be read, but not changed');
    }
    onDisk = await readSettings(directory);
    overrides = onDisk;
    const lapsed = settle();
    for (const [registry, { dataEndpointEnabled, changedAt }] of overrides) {
      log.info({ registry, dataEndpointEnabled, changedAt }, 'kept setting in force');
    }
    await forget(lapsed);
  }

  async function forget(lapsed: readonly string[]): Promise<void> {
    for (const registry of lapsed) {
      log.warn({ registry }, 'kept setting lapsed: the configuration has changed since');
    }
    // Also where an earlier attempt failed.
    if (directory !== null && !isSame(overrides, onDisk)) await keep(directory, overrides);
  }

  /** @throws {SettingsError} and what is on disk stays */
  async function keep(into: string, next: Overrides): Promise<void> {
    lock(into);
    // What is there may be a newer Berth's, or somebody's work that is not done.
    const found = await readSettings(into);
    if (!isSame(found, onDisk)) {
      log.warn('the settings on disk were changed by somebody else, and are replaced by those in force');
    }
    await writeSettings(into, next);
    onDisk = next;
  }

  function lock(path: string): void {
    unlock ??= lockSettings(path);
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
    // What the configuration says anyway needs no override, and follows the configuration from now on.
    const override: Override | undefined =
      deliveryOf(dataEndpointEnabled) === delivery
        ? undefined
        : { dataEndpointEnabled, overrides: delivery, changedAt: new Date(now()).toISOString() };
    await keep(directory, withOverride(overrides, name, override));
    // A reload meanwhile may have lapsed others.
    overrides = withOverride(overrides, name, override);
    tell(registry);
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
    start: () => inTurn(start),
    adopt(next) {
      registries = next;
      const lapsed = settle(); // requests do not wait for the disk
      return inTurn(() => forget([...lapsed, ...settle()]));
    },
    get overrides() {
      return overrides;
    },
    follow(next) {
      overrides = next;
      settle();
    },
    close: () =>
      inTurn(() => {
        unlock?.();
        unlock = undefined;
        return Promise.resolve();
      }),
  };
}

function isInForce(registry: RegistryConfig, override: Override): boolean {
  if (registry.delivery !== override.overrides) return false;
  return !override.dataEndpointEnabled || whyNotSwitchable(registry) === undefined;
}

function withOverride(overrides: Overrides, name: string, override: Override | undefined): Overrides {
  const next = new Map(overrides);
  if (override === undefined) next.delete(name);
  else next.set(name, override);
  return next;
}

function isSame(one: Overrides, other: Overrides): boolean {
  return isDeepStrictEqual(one, other);
}

function deliveryOf(dataEndpointEnabled: boolean): 'dedicated' | 'passthrough' {
  return dataEndpointEnabled ? 'dedicated' : 'passthrough';
}
