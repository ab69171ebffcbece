import type { RegistryConfig, Rollout } from '../config/config.ts';
import type { MigrationCounts } from './migration.ts';
import type { RegistryState } from './settings.ts';

/** What `berth report migration` prints. */
export type MigrationReport = MigrationCounts & {
  readonly registry: string;
  readonly dataEndpointEnabled: boolean;
  readonly rollout: Rollout;
  readonly verdict: Verdict;
};

/** Whether clients can do without the rule that lets them reach every storage account. */
export type Verdict = {
  /** `check`: it can go for what is known, and something is odd. */
  readonly wildcardRule: 'keep' | 'wait' | 'check' | 'remove';
  /** One line: why, and what to do next. */
  readonly text: string;
};

/** What links to storage live at most: ACR's up to 30 minutes, S3's as ECR gives them out an hour. */
const LINK_LIFE_MS = 60 * 60 * 1000;

/** @param nowMs Unix milliseconds */
export function migrationReport(
  registry: RegistryConfig,
  state: RegistryState,
  counts: MigrationCounts,
  nowMs: number,
): MigrationReport {
  return {
    registry: registry.name,
    dataEndpointEnabled: state.dataEndpointEnabled,
    rollout: registry.rollout,
    ...counts,
    verdict: judge(registry, state, counts, nowMs),
  };
}

function judge(
  { name, rollout }: RegistryConfig,
  { delivery, dataEndpointEnabled }: RegistryState,
  { since, total, networks, droppedNetworks }: MigrationCounts,
  nowMs: number,
): Verdict {
  if (delivery === 'inline') {
    const text = 'the login server sends every blob itself, so this registry needs no storage rule';
    return { wildcardRule: 'remove', text };
  }
  if (!dataEndpointEnabled) {
    const text = `data endpoints are off; switch them on with "berth update --name ${name} --data-endpoint-enabled"`;
    return { wildcardRule: 'keep', text };
  }
  if (rollout.percent < 100) {
    const text = `the rollout covers ${rollout.percent} % of the clients and ${rollout.clients.length} listed networks; set rollout.percent to 100 for all`;
    return { wildcardRule: 'keep', text };
  }
  // Before `since` another process may have given out links that this one has not counted.
  const quietFrom = Math.max(Date.parse(total.storage.lastSeen ?? since), Date.parse(since));
  const free = quietFrom + LINK_LIFE_MS;
  if (nowMs < free) {
    const why =
      total.storage.lastSeen === null
        ? `this Berth has counted since ${since} only`
        : `a link to storage was last given out at ${total.storage.lastSeen}`;
    const text = `${why}, and such links live up to an hour; ask again after ${new Date(free).toISOString()}`;
    return { wildcardRule: 'wait', text };
  }
  if (total.arrived.count === 0) {
    const text = `no client has been at a data endpoint since ${since}; pull an image from each network first`;
    return { wildcardRule: 'check', text };
  }
  const lost = networks.filter(({ dataEndpoint, arrived }) => dataEndpoint.count > 0 && arrived.count === 0);
  if (lost.length > 0) {
    const shown = lost.slice(0, 3).map(({ network }) => network);
    const more = lost.length > shown.length ? ` and ${lost.length - shown.length} more` : '';
    const text = `${shown.join(', ')}${more} got links to data endpoints and ${lost.length === 1 ? 'was' : 'were'} never seen there; check that the firewall lets ${lost.length === 1 ? 'it' : 'them'} through`;
    return { wildcardRule: 'check', text };
  }
  if (droppedNetworks > 0) {
    const were = droppedNetworks === 1 ? 'network was' : 'networks were';
    const text = `${droppedNetworks} ${were} forgotten to make room, and may have got links to data endpoints that the firewall does not let through; ask sooner after a start`;
    return { wildcardRule: 'check', text };
  }
  const text = `no client has got a storage host since ${new Date(quietFrom).toISOString()}, and ${networks.length} networks use data endpoints; with several replicas, ask each`;
  return { wildcardRule: 'remove', text };
}
