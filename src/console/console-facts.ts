import type { MigrationReport } from '../endpoints/migration-report.ts';
import type { RegistryDocument } from '../endpoints/registry-document.ts';
import type { WorkView } from '../metrics/running-work.ts';
import type { RefusalCount } from './refusal-tally.ts';
import type { TrafficSample } from './traffic-history.ts';

/** Everything that the console shows, at one moment. */
export type ConsoleFacts = {
  /** Unix milliseconds. */
  readonly now: number;
  readonly startedAt: number;
  readonly version: string;
  /** Names of the conditions for traffic that do not hold; empty: ready. */
  readonly failingChecks: readonly string[];
  readonly connections: number;
  readonly registries: readonly ConsoleRegistry[];
  readonly regions: readonly ConsoleRegion[];
  readonly traffic: readonly TrafficSample[];
  readonly work: readonly WorkView[];
  readonly refusals: readonly RefusalCount[];
  readonly certificates: readonly ConsoleCertificate[];
  /** Undefined: no blob is kept on disk. */
  readonly cache: ConsoleCache | undefined;
};

export type ConsoleRegistry = { readonly document: RegistryDocument; readonly migration: MigrationReport };

/** The health of one region of a registry. */
export type ConsoleRegion = {
  readonly registry: string;
  readonly region: string;
  readonly state: string;
  /** What it is judged by, for people. */
  readonly why: string;
  /** Unix milliseconds; undefined: since the start. */
  readonly since: number | undefined;
};

export type ConsoleCertificate = {
  /** Host names and addresses that it covers. */
  readonly names: readonly string[];
  /** Unix milliseconds. */
  readonly notAfter: number;
};

export type ConsoleCache = {
  readonly publishedBytes: number;
  readonly partialBytes: number;
  readonly blobs: number;
  readonly maxBytes: number;
  /** Why nothing is written now; empty: it is. */
  readonly degraded: readonly string[];
};
