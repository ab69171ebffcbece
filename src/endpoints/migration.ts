import { LRUCache } from 'lru-cache';
import { atMost } from '../system/at-most.ts';

/**
 * What became of one blob request: `storage`: the login server gave out a link to a storage host; `dataEndpoint`: to a data
 * endpoint; `arrived`: a data endpoint was asked with such a link.
 */
export type MigrationEvent = 'storage' | 'dataEndpoint' | 'arrived';

/** How often, and when last (RFC 3339; null: never). */
export type Tally = { readonly count: number; readonly lastSeen: string | null };

export type Tallies = Readonly<Record<MigrationEvent, Tally>>;

/** Since `since`, in this process; the network seen last comes first. */
export type MigrationCounts = {
  readonly since: string;
  readonly total: Tallies;
  readonly networks: readonly (Tallies & { readonly network: string })[];
  /** How often a network was forgotten to make room; `total` still counts it. */
  readonly droppedNetworks: number;
};

export type Migration = {
  /** `network` as `clientNetwork` gives it. */
  record(registry: string, network: string, event: MigrationEvent): void;
  counts(registry: string): MigrationCounts;
};

/** Networks remembered over all registries: some megabytes. A site has a few /24; an attack with many loses the oldest. */
const MAX_NETWORKS = 10_000;

type Counts = Record<MigrationEvent, { count: number; lastSeen: number }>;
type Entry = { readonly registry: string; readonly network: string; readonly counts: Counts };

/** Which client networks still get storage hosts and which use data endpoints; kept in memory, bounded. */
export function createMigration({
  now,
  maxNetworks = MAX_NETWORKS,
}: {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly maxNetworks?: number;
}): Migration {
  const since = now();
  const totals = new Map<string, Counts>();
  const dropped = new Map<string, number>();
  const networks = new LRUCache<string, Entry>({
    ...atMost(maxNetworks),
    dispose: ({ registry }, _key, reason) => {
      if (reason === 'evict') dropped.set(registry, (dropped.get(registry) ?? 0) + 1);
    },
  });

  return {
    record(registry, network, event) {
      const time = now();
      let total = totals.get(registry);
      if (total === undefined) totals.set(registry, (total = noCounts()));
      const key = `${registry} ${network}`;
      let entry = networks.get(key);
      if (entry === undefined) {
        entry = { registry, network, counts: noCounts() };
        networks.set(key, entry);
      }
      for (const counts of [total, entry.counts]) {
        counts[event].count += 1;
        counts[event].lastSeen = time;
      }
    },
    counts(registry) {
      const own = [...networks.values()].filter((entry) => entry.registry === registry);
      return {
        since: new Date(since).toISOString(),
        total: tallies(totals.get(registry) ?? noCounts()),
        networks: own.map(({ network, counts }) => ({ network, ...tallies(counts) })),
        droppedNetworks: dropped.get(registry) ?? 0,
      };
    },
  };
}

function noCounts(): Counts {
  const none = () => ({ count: 0, lastSeen: 0 });
  return { storage: none(), dataEndpoint: none(), arrived: none() };
}

function tallies({ storage, dataEndpoint, arrived }: Counts): Tallies {
  const tally = ({ count, lastSeen }: { count: number; lastSeen: number }): Tally => ({
    count,
    lastSeen: count === 0 ? null : new Date(lastSeen).toISOString(),
  });
  return { storage: tally(storage), dataEndpoint: tally(dataEndpoint), arrived: tally(arrived) };
}
