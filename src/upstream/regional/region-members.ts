import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { RegistryConfig } from '../../config/config.ts';
import { hostname, matchHostPattern } from '../../http/host.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Outcome } from '../observe-exchange.ts';
import { parseRawUrl } from '../raw-url.ts';
import type { UpstreamRegistry } from '../upstream-registry.ts';
import { observeStorage } from './observe-storage.ts';
import { createProbe } from './probe.ts';
import {
  createRegionHealth,
  type RegionHealth,
  type RegionPart,
  type RegionStatus,
} from './region-health.ts';
import { PROBE_TIMINGS, type ProbeTimings, startProbes } from './start-probes.ts';

/** One region's registry. */
export type RegionMember = { readonly region: string; readonly upstream: UpstreamRegistry };

export type RegionMembersDeps = {
  readonly metrics: Pick<Metrics, 'regionHealthy' | 'regionProbes' | 'regionRequests'>;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Replaces timings, for tests that have no patience. */
  readonly timings?: Partial<ProbeTimings> | undefined;
};

/** Opens one region's registry; `onOutcome` as in `UpstreamRegistryDeps`. */
export type OpenMember = (
  region: RegistryConfig['regions'][number] | undefined,
  onOutcome: (outcome: Outcome) => void,
) => UpstreamRegistry;

/** The registries of all regions, and what is known of each region's health, from requests, transfers and probes (X6, X7). */
export type RegionMembers = {
  readonly home: RegionMember;
  /** Home's pool, each request of which tells how the region that it goes to does. */
  readonly storage: Dispatcher;
  memberOf(region: string): RegionMember | undefined;
  /** Whose registry has this origin. */
  readonly memberAt: (origin: string) => RegionMember | undefined;
  /** Whose storage has this origin. */
  readonly regionOfHost: (origin: string) => string | undefined;
  /** Of a region that nobody watches, true; so with its storage. */
  readonly isUsable: (region: string) => boolean;
  readonly isStorageUsable: (region: string) => boolean;
  /** Of all regions, those that are left out, also where they have no registry of their own. */
  failing(): readonly string[];
  /**
   * The region to be asked first, then home, then the others as the configuration has them; those that fail come last, and so does
   * the one that is avoided.
   */
  inOrder(first: string | undefined, avoided?: string): readonly RegionMember[];
  readonly status: () => readonly RegionStatus[];
  /** Ends every connection, and the probes. */
  readonly close: () => Promise<void>;
};

/** @param open called with undefined for the home region's, which is the registry's own upstream */
export function openRegionMembers(
  registry: RegistryConfig,
  open: OpenMember,
  deps: RegionMembersDeps,
): RegionMembers {
  const { metrics, log, now } = deps;
  const timings = { ...PROBE_TIMINGS, ...deps.timings };
  const homeName = registry.homeRegion ?? registry.regions[0]?.name ?? 'home';
  const healths = new Map<string, RegionHealth>();
  for (const { name, upstream } of registry.regions) {
    healths.set(name, openHealth(name, name === homeName ? registry.upstream.url : upstream?.url));
  }
  const home: RegionMember = {
    region: homeName,
    upstream: open(undefined, (outcome) => tell(homeName, 'registry', outcome)),
  };
  const members = [
    home,
    ...registry.regions.flatMap((region): RegionMember[] => {
      if (region.upstream === null || region.name === homeName) return [];
      const upstream = open(region, (outcome) => tell(region.name, 'registry', outcome));
      return [{ region: region.name, upstream }];
    }),
  ];
  const storage = observeStorage(home.upstream.storage, (origin, outcome) => {
    const at = memberAt(origin);
    if (at !== undefined) tell(at.region, 'registry', outcome);
    else tell(regionOfHost(origin), 'storage', outcome, origin);
  });
  const forget = metrics.regionHealthy.collect(() =>
    [...healths].map(([region, health]) => [{ registry: registry.name, region }, health.isUsable ? 1 : 0]),
  );
  const stopProbes = startProbes(
    [...healths.values()].map((health) =>
      createProbe(health, memberOf(health.region), home.upstream.storage),
    ),
    {
      timings,
      random: deps.random,
      onProbe: (region, result) => metrics.regionProbes.inc({ registry: registry.name, region, result }),
    },
  );

  function openHealth(region: string, upstream: string | undefined): RegionHealth {
    return createRegionHealth(region, {
      isHome: region === homeName,
      upstream,
      now,
      holdMs: timings.holdMs,
      onState(part, state, reason) {
        const fields = {
          registry: registry.name,
          region,
          part,
          state,
          ...(reason !== undefined && { reason }),
        };
        if (state === 'failing') log.warn(fields, 'region is left out');
        else log.info(fields, state === 'recovering' ? 'region is used again' : 'region is healthy again');
      },
    });
  }

  function tell(region: string | undefined, part: RegionPart, outcome: Outcome, origin?: string): void {
    const health = region === undefined ? undefined : healths.get(region);
    if (region === undefined || health === undefined) return;
    metrics.regionRequests.inc({ registry: registry.name, region, part, result: outcome.kind });
    if (outcome.kind === 'ok') health.succeeded(part, origin);
    else health.failed(part, outcome.reason, origin);
  }

  function memberOf(region: string): RegionMember | undefined {
    return members.find((member) => member.region === region);
  }

  function memberAt(origin: string): RegionMember | undefined {
    return members.find(({ upstream }) => upstream.origin === origin);
  }

  function regionOfHost(origin: string): string | undefined {
    const host = parseRawUrl(origin)?.host ?? '';
    const name = hostname(host);
    return registry.regions.find(({ match }) =>
      match.some((pattern) => matchHostPattern(pattern, host) || matchHostPattern(pattern, name)),
    )?.name;
  }

  const isUsable = (region: string): boolean => healths.get(region)?.isUsable ?? true;

  function inOrder(first: string | undefined, avoided?: string): readonly RegionMember[] {
    const preferred = first === undefined ? undefined : memberOf(first);
    const all = preferred === undefined ? members : [preferred, ...members.filter((m) => m !== preferred)];
    const isGood = ({ region }: RegionMember): boolean => isUsable(region) && region !== avoided;
    return [...all.filter(isGood), ...all.filter((member) => !isGood(member))];
  }

  return {
    home,
    storage,
    memberOf,
    memberAt,
    regionOfHost,
    isUsable,
    isStorageUsable: (region) => healths.get(region)?.isStorageUsable ?? true,
    failing: () => [...healths.values()].filter((health) => !health.isUsable).map(({ region }) => region),
    inOrder,
    status: () => [...healths.values()].map((health) => health.status()),
    async close() {
      stopProbes();
      forget();
      await Promise.all(members.map(({ upstream }) => upstream.close()));
    },
  };
}
