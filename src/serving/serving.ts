import type { Config } from '../config/config.ts';
import { createHostTable, type HostMatch, type HostTable } from '../endpoints/host-table.ts';
import type { UpstreamRegistry } from '../upstream/upstream-registry.ts';
import type { Lease } from './lease.ts';
import { createOpenDoors, type DoorDeps, type Doors } from './open-doors.ts';
import { type ReloadOutcome, worstOutcome } from './reload-record.ts';

/** What requests are answered by: all registries of a configuration, replaced as one. */
export type Serving = {
  /** The configuration in force. */
  readonly config: Config;
  find(host: string): { readonly match: HostMatch; readonly doors: Doors } | undefined;
  /** By the registry's name. */
  doors(name: string): Doors | undefined;
  /**
   * Another configuration, in force for the next request; what is under way goes on with what it began with. A registry
   * whose upstream did not change keeps its connections and what the upstream has decided.
   * @throws AuthoritiesError, CredentialsFileError or HtpasswdFileError, and nothing has changed
   */
  replace(config: Config): void;
  /** Ends every connection to upstreams, also those in use, and also of configurations before. */
  close(): Promise<void>;
};

type InForce = {
  readonly config: Config;
  readonly hosts: HostTable;
  readonly doors: ReadonlyMap<string, Doors>;
};

/** @throws AuthoritiesError, CredentialsFileError or HtpasswdFileError */
export function createServing(config: Config, deps: DoorDeps): Serving {
  const openDoors = createOpenDoors(config, deps);
  const leases = new Set<Lease<UpstreamRegistry>>();
  let inForce: InForce = make(config, new Map(), () => undefined);
  for (const { upstream } of inForce.doors.values()) leases.add(upstream);

  function make(
    next: Config,
    before: ReadonlyMap<string, Doors>,
    onAuthorities: (outcome: ReloadOutcome) => void,
  ): InForce {
    const onClosed = (lease: Lease<UpstreamRegistry>): void => void leases.delete(lease);
    const doors = new Map<string, Doors>();
    try {
      for (const registry of next.registries) {
        const { name } = registry;
        doors.set(name, openDoors(registry, next, before.get(name), { onClosed, onAuthorities }));
      }
    } catch (error) {
      closeOthers(doors, before);
      throw error;
    }
    return { config: next, hosts: createHostTable(next.registries), doors };
  }

  /** Once for a reload: another registry's file must not hide one that is wrong. */
  function noteAuthorities(outcomes: readonly ReloadOutcome[]): void {
    const worst = worstOutcome(outcomes);
    if (worst !== undefined) deps.record.note('authorities', worst);
  }

  /** Passwords that were read anew, or that nobody asks for any more, are no failure of before. */
  function forgetPasswords(before: ReadonlyMap<string, Doors>, after: ReadonlyMap<string, Doors>): void {
    for (const [name, { parts }] of before) {
      if (parts.clients !== after.get(name)?.parts.clients) deps.record.forget('passwords', name);
    }
  }

  return {
    get config() {
      return inForce.config;
    },
    find(host) {
      const { hosts, doors } = inForce;
      const match = hosts.find(host);
      return match === undefined ? undefined : { match, doors: doors.get(match.registry.name) as Doors };
    },
    doors: (name) => inForce.doors.get(name),
    replace(next) {
      const before = inForce;
      const authorities: ReloadOutcome[] = [];
      try {
        inForce = make(next, before.doors, (outcome) => authorities.push(outcome));
      } catch (error) {
        // What could have been taken up was not.
        noteAuthorities(authorities.filter(({ result }) => result === 'rejected'));
        throw error;
      }
      noteAuthorities(authorities);
      forgetPasswords(before.doors, inForce.doors);
      for (const { upstream, takeLimits } of inForce.doors.values()) {
        leases.add(upstream);
        takeLimits();
      }
      closeOthers(before.doors, inForce.doors);
    },
    async close() {
      await Promise.all([...leases].map((lease) => lease.close()));
    },
  };
}

/** Of `doors`, the upstreams that `kept` does not use as well; at once or when their last transfer has ended. */
function closeOthers(doors: ReadonlyMap<string, Doors>, kept: ReadonlyMap<string, Doors>): void {
  const used = new Set([...kept.values()].map(({ upstream }) => upstream));
  for (const { upstream } of doors.values()) if (!used.has(upstream)) upstream.retire();
}
