import type { RegistryConfig } from '../config/config.ts';
import { dataEndpointHost, homeRegion, servesRegion } from './endpoints.ts';

/** What a running Berth knows of one region. */
export type WatchedRegion = {
  readonly region: string;
  readonly state: 'healthy' | 'failing' | 'recovering';
  /** Unix milliseconds. */
  readonly since: number;
  readonly reason: string | undefined;
  readonly storageHost: string | undefined;
  /** `at` in Unix milliseconds. */
  readonly lastProbe: { readonly at: number; readonly result: 'ok' | 'failed' } | undefined;
};

/** What `berth regions` prints; times are RFC 3339. */
export type RegionsDocument = {
  readonly registry: string;
  readonly homeRegion: string | null;
  readonly regions: readonly {
    readonly region: string;
    /** `not_watched`: the registry has one upstream, so there would be nothing to go to. */
    readonly state: WatchedRegion['state'] | 'not_watched';
    readonly since: string | null;
    /** Why it is, or was until lately, left out. */
    readonly reason: string | null;
    readonly upstream: string | null;
    /** Of the last transfer. */
    readonly storageHost: string | null;
    readonly lastProbe: { readonly at: string; readonly result: 'ok' | 'failed' } | null;
    readonly dataEndpoint: string | null;
    /** Whether this instance answers the data endpoint. */
    readonly served: boolean;
  }[];
};

/** @param watched undefined: nothing is watched, as there is one upstream alone */
export function regionsDocument(
  registry: RegistryConfig,
  watched: readonly WatchedRegion[] | undefined,
): RegionsDocument {
  const home = homeRegion(registry) ?? null;
  return {
    registry: registry.name,
    homeRegion: home,
    regions: registry.regions.map(({ name, upstream }) => {
      const status = watched?.find(({ region }) => region === name);
      const probe = status?.lastProbe;
      return {
        region: name,
        state: status?.state ?? 'not_watched',
        since: status === undefined ? null : isoTime(status.since),
        reason: status?.reason ?? null,
        upstream: name === home ? registry.upstream.url : (upstream?.url ?? null),
        storageHost: status?.storageHost ?? null,
        lastProbe: probe === undefined ? null : { at: isoTime(probe.at), result: probe.result },
        dataEndpoint: registry.dataEndpoint === null ? null : dataEndpointHost(registry, name),
        served: registry.dataEndpoint !== null && servesRegion(registry, name),
      };
    }),
  };
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
