import { type Breaker, type BreakerState, createBreaker } from './breaker.ts';

/** What of a region can fail by itself. */
export type RegionPart = 'registry' | 'storage';

/** What `berth regions` shows of one region. */
export type RegionStatus = {
  readonly region: string;
  readonly isHome: boolean;
  /** Origin of its registry; undefined: it has none of its own. */
  readonly upstream: string | undefined;
  /** The worse of both parts. */
  readonly state: BreakerState;
  /** Unix milliseconds. */
  readonly since: number;
  /** Which part fails, and by what; undefined where none does. */
  readonly reason: string | undefined;
  /** The storage host that was last of use, or of none. */
  readonly storageHost: string | undefined;
  readonly lastProbe: { readonly at: number; readonly result: ProbeResult } | undefined;
};

export type ProbeResult = 'ok' | 'failed';

export type RegionHealth = {
  readonly region: string;
  /** Both parts are worth asking. */
  readonly isUsable: boolean;
  readonly isStorageUsable: boolean;
  /** Origin of the storage that a probe asks; undefined: none is known yet. */
  readonly storageOrigin: string | undefined;
  succeeded(part: RegionPart, origin?: string): void;
  failed(part: RegionPart, reason: string, origin?: string): void;
  probed(result: ProbeResult): void;
  status(): RegionStatus;
};

export type RegionHealthDeps = {
  readonly isHome: boolean;
  readonly upstream: string | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Milliseconds; see `createBreaker`. */
  readonly holdMs: number;
  /** Told at each change of one part. */
  readonly onState: (part: RegionPart, state: BreakerState, reason: string | undefined) => void;
};

const WORSE: readonly BreakerState[] = ['failing', 'recovering', 'healthy'];

export function createRegionHealth(region: string, deps: RegionHealthDeps): RegionHealth {
  const { now, isHome, upstream } = deps;
  const open = (part: RegionPart): Breaker =>
    createBreaker({
      now,
      holdMs: deps.holdMs,
      onState: ({ state, reason }) => deps.onState(part, state, reason),
    });
  const parts: Readonly<Record<RegionPart, Breaker>> = {
    registry: open('registry'),
    storage: open('storage'),
  };
  let storageOrigin: string | undefined;
  /** It has given bytes: its failures are worth a look, those of one that never did may be of a host that is none. */
  let hasServed = false;
  let lastProbe: RegionStatus['lastProbe'];

  return {
    region,
    get isUsable() {
      return parts.registry.isUsable && parts.storage.isUsable;
    },
    get isStorageUsable() {
      return parts.storage.isUsable;
    },
    get storageOrigin() {
      return storageOrigin;
    },
    succeeded(part, origin) {
      if (origin !== undefined) {
        storageOrigin = origin;
        hasServed = true;
      }
      parts[part].succeeded();
    },
    failed(part, reason, origin) {
      if (origin !== undefined && !hasServed) storageOrigin = origin;
      parts[part].failed(reason);
    },
    probed(result) {
      lastProbe = { at: now(), result };
    },
    status() {
      const [part, { status }] = WORSE.flatMap((state) =>
        Object.entries(parts).filter(([, breaker]) => breaker.status.state === state),
      )[0] ?? ['registry', parts.registry];
      return {
        region,
        isHome,
        upstream,
        state: status.state,
        since: status.since,
        reason: status.reason === undefined ? undefined : `${part}: ${status.reason}`,
        storageHost: storageOrigin?.replace(/^https?:\/\//, ''),
        lastProbe,
      };
    },
  };
}
