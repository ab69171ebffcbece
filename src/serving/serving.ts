import type { Config } from '../config/config.ts';
import { draftHostTable, type HostMatch, type HostTable } from '../endpoints/host-table.ts';
import { createTurns, type Turns } from '../system/turns.ts';
import { createAuthorityReader } from '../upstream/authorities.ts';
import type { RegionStatus, UpstreamRegistry } from '../upstream/upstream-registry.ts';
import { type SharedSettings, sharedSettings } from './door-parts.ts';
import { keepEqual } from './keep-equal.ts';
import type { Lease } from './lease.ts';
import { createOpenDoors, type DoorDeps, type Doors } from './open-doors.ts';
import { createPrepareRegistry, type PreparedRegistry } from './prepare-registry.ts';
import { type ReloadOutcome, worstOutcome } from './reload-record.ts';

/** Whose host it is, and who answers there. */
export type Found = {
  readonly match: HostMatch;
  readonly registry: Pick<PreparedRegistry, 'networkRules' | 'doors'>;
};

/** What requests are answered by: all registries of a configuration, replaced as one. */
export type Serving = {
  /** The configuration in force. */
  readonly config: Config;
  /** Every name that links are given out for by https: what certificates must cover. */
  readonly secureHosts: readonly string[];
  find(host: string): Found | undefined;
  /** By the registry's name. */
  doors(name: string): Doors | undefined;
  /** Regions of the registry of that name that are watched; empty: none is. */
  regions(name: string): readonly RegionStatus[];
  /**
   * Another configuration, checked in turns, which changes nothing yet. Only one at a time, and each is committed or discarded.
   * @throws AuthoritiesError, CredentialsFileError or HtpasswdFileError
   */
  prepare(config: Config, turns: Turns): Promise<PreparedServing>;
  /** Ends every connection to upstreams, also those in use, and also of configurations before. */
  close(): Promise<void>;
};

export type PreparedServing = Pick<Serving, 'secureHosts'> & {
  /**
   * In force for the next request; what is under way goes on with what it began with. A registry whose upstream did not
   * change keeps its connections and what the upstream has decided.
   */
  commit(): void;
  discard(): void;
};

type Registries = ReadonlyMap<string, PreparedRegistry>;

type InForce = {
  readonly config: Config;
  readonly settings: SharedSettings;
  readonly hosts: HostTable;
  readonly registries: Registries;
};

/** @throws AuthoritiesError, CredentialsFileError or HtpasswdFileError */
export async function openServing(config: Config, deps: DoorDeps): Promise<Serving> {
  const prepareRegistry = createPrepareRegistry({ ...deps, openDoors: createOpenDoors(config, deps) });
  const leases = new Set<Lease<UpstreamRegistry>>();
  let inForce = await make(config, undefined, () => undefined, createTurns());
  for (const registry of inForce.registries.values()) putInForce(registry);

  async function make(
    next: Config,
    before: InForce | undefined,
    onAuthorities: (outcome: ReloadOutcome) => void,
    turns: Turns,
  ): Promise<InForce> {
    const preparation = {
      settings: keepEqual(before?.settings, sharedSettings(next)),
      readAuthorities: createAuthorityReader(),
      onClosed: (lease: Lease<UpstreamRegistry>) => void leases.delete(lease),
      onAuthorities,
    };
    const known = before?.registries ?? new Map<string, PreparedRegistry>();
    const registries = new Map<string, PreparedRegistry>();
    const hosts = draftHostTable();
    try {
      for (const registry of next.registries) {
        registries.set(registry.name, prepareRegistry(registry, known.get(registry.name), preparation));
        hosts.add(registry);
        const pause = turns.next();
        if (pause !== undefined) await pause;
      }
    } catch (error) {
      closeOthers(registries, known);
      throw error;
    }
    return { config: next, settings: preparation.settings, hosts: hosts.table, registries };
  }

  function putInForce({ connection, parts }: PreparedRegistry): void {
    leases.add(connection.upstream);
    connection.take(parts.registry.upstream.limits);
  }

  /** Once for a reload: another registry's file must not hide one that is wrong. */
  function noteAuthorities(outcomes: readonly ReloadOutcome[]): void {
    const worst = worstOutcome(outcomes);
    if (worst !== undefined) deps.record.note('authorities', worst);
  }

  /** Passwords that were read anew, or that nobody asks for any more, are no failure of before. */
  function forgetPasswords(before: Registries, after: Registries): void {
    for (const [name, { parts }] of before) {
      if (parts.clients !== after.get(name)?.parts.clients) deps.record.forget('passwords', name);
    }
  }

  function commit(next: InForce): void {
    const before = inForce;
    inForce = next;
    forgetPasswords(before.registries, next.registries);
    for (const [name, registry] of next.registries) {
      if (registry !== before.registries.get(name)) putInForce(registry);
    }
    closeOthers(before.registries, next.registries);
  }

  return {
    get config() {
      return inForce.config;
    },
    get secureHosts() {
      return inForce.hosts.secureHosts;
    },
    find(host) {
      const { hosts, registries } = inForce;
      const match = hosts.find(host);
      if (match === undefined) return undefined;
      return { match, registry: registries.get(match.registry.name) as PreparedRegistry };
    },
    doors: (name) => inForce.registries.get(name)?.doors,
    regions: (name) =>
      // One that has several is opened from the start.
      inForce.registries.get(name)?.connection.upstream.opened?.regions?.status() ?? [],
    async prepare(wanted, turns) {
      const authorities: ReloadOutcome[] = [];
      let next: InForce;
      try {
        next = await make(wanted, inForce, (outcome) => authorities.push(outcome), turns);
      } catch (error) {
        // What could have been taken up was not.
        noteAuthorities(authorities.filter(({ result }) => result === 'rejected'));
        throw error;
      }
      return {
        secureHosts: next.hosts.secureHosts,
        commit() {
          noteAuthorities(authorities);
          commit(next);
        },
        discard: () => closeOthers(next.registries, inForce.registries),
      };
    },
    async close() {
      await Promise.all([...leases].map((lease) => lease.close()));
    },
  };
}

/** Of `registries`, the upstreams that `kept` does not use as well; at once or when their last transfer has ended. */
function closeOthers(registries: Registries, kept: Registries): void {
  for (const [name, { connection }] of registries) {
    if (kept.get(name)?.connection !== connection) connection.upstream.retire();
  }
}
