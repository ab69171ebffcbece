import type { AuditEvent } from '../audit/audit.ts';
import type { FailureFacts } from '../blob/fill/fill-messages.ts';
import type { SourceFacts } from '../blob/source-facts.ts';
import type { Config } from '../config/config.ts';
import type { MigrationEvent } from '../endpoints/migration.ts';
import type { Override } from '../endpoints/settings-document.ts';
import type { RangeSpec } from '../http/range.ts';
import type { WorkView } from '../metrics/running-work.ts';
import type { MetricsSnapshot } from '../metrics/sum-metrics.ts';
import type { Digest } from '../oci/digest.ts';
import type { LimitChange } from '../policy/client-limits.ts';
import type { Look, SharedTurn, TurnAnswer } from '../state/shared-state.ts';
import type { TraceFields } from '../trace/tracing.ts';
import type { ConfigChange } from './config-change.ts';

/** All that a worker begins with. */
export type WorkerStart = {
  /** Counts from 1: for the log. */
  readonly number: number;
  /** The one in force, with the ports that are bound. */
  readonly config: Config;
  /** As `formatTicketKeys` writes them. */
  readonly ticketKeys: string;
  /** 48 bytes that TLS sessions are resumed with at whichever worker. */
  readonly tlsTicketKeys: Uint8Array;
  readonly overrides: ReadonlyMap<string, Override>;
  /** What the clients of all others have at this moment. */
  readonly limits: readonly LimitChange[];
};

/** What the primary asks a worker. */
export type AskWorker = {
  /** Answered when it listens. */
  readonly start: { readonly ask: WorkerStart; readonly answer: undefined };
  readonly reload: {
    /** `change`: since what was asked for the last time, or begun with. */
    readonly ask: { readonly change: ConfigChange; readonly ticketKeys: string };
    readonly answer: undefined;
  };
  readonly settings: { readonly ask: ReadonlyMap<string, Override>; readonly answer: undefined };
  /** Something was written: what was decided about this group is over. */
  readonly forget: { readonly ask: string; readonly answer: undefined };
  readonly metrics: { readonly ask: undefined; readonly answer: MetricsSnapshot };
  readonly work: { readonly ask: undefined; readonly answer: readonly WorkView[] };
  /** Answered when nothing is under way any more, with its last metrics; the worker ends by itself then. */
  readonly drain: { readonly ask: { readonly withinMs: number }; readonly answer: MetricsSnapshot };
};

/** What the primary tells a worker. */
export type TellWorker = {
  /** It has drained and has nothing more to say. */
  readonly end: undefined;
  /** Nobody is to find this blob any more. */
  readonly removed: Digest;
  readonly limits: readonly LimitChange[];
};

export type FillOrder = {
  /** Number of the conversation with the fill. */
  readonly port: number;
  readonly digest: Digest;
  readonly scope: string;
  readonly source: SourceFacts;
  readonly range: RangeSpec | undefined;
  readonly knownLength: number | undefined;
  /** Of the request's trace, whose steps the fill's are. */
  readonly trace: TraceFields;
};

export type FillAnswer =
  | { readonly kind: 'joined' }
  /** None can be had now: the worker streams. */
  | { readonly kind: 'none' }
  /** `isWrong`: see `WrongBlob`. */
  | { readonly kind: 'failed'; readonly failure: FailureFacts; readonly isWrong: boolean };

/** What a worker asks the primary. */
export type AskPrimary = {
  /** A published blob, kept from eviction until `unpin` names it. */
  readonly openStored: {
    readonly ask: Digest;
    readonly answer: { readonly pin: number; readonly path: string; readonly length: number } | undefined;
  };
  readonly joinFill: { readonly ask: FillOrder; readonly answer: FillAnswer };
  readonly look: {
    readonly ask: { readonly group: string; readonly names: readonly string[] };
    readonly answer: Look | undefined;
  };
  readonly keep: {
    readonly ask: {
      readonly group: string;
      readonly epoch: string;
      readonly name: string;
      readonly value: string;
      readonly ttlMs: number;
    };
    readonly answer: undefined;
  };
  readonly pause: {
    readonly ask: { readonly queue: string; readonly caller: string; readonly milliseconds: number };
    readonly answer: undefined;
  };
  readonly forgetGroup: { readonly ask: string; readonly answer: boolean };
  readonly takeTurn: { readonly ask: SharedTurn; readonly answer: TurnAnswer | undefined };
  readonly acquire: {
    readonly ask: { readonly name: string; readonly ttlMs: number };
    readonly answer: { readonly lease: number; readonly token: number } | 'held' | undefined;
  };
  readonly renew: { readonly ask: number; readonly answer: boolean };
  readonly release: { readonly ask: number; readonly answer: undefined };
  readonly record: {
    readonly ask: {
      readonly record: string;
      readonly field: string;
      readonly value: string;
      readonly ttlMs: number;
    };
    readonly answer: boolean;
  };
  readonly readRecord: {
    readonly ask: string;
    readonly answer: ReadonlyMap<string, string> | undefined;
  };
};

/** What a worker tells the primary. */
export type TellPrimary = {
  /** Each second: it is alive, and these of its conditions for traffic do not hold. */
  readonly pulse: readonly string[];
  readonly unpin: number;
  /** A blob could not be read to its end. */
  readonly damaged: Digest;
  readonly limits: readonly LimitChange[];
  readonly audit: AuditEvent;
  readonly migration: readonly MigrationEntry[];
};

export type MigrationEntry = {
  readonly registry: string;
  readonly network: string;
  readonly event: MigrationEvent;
  readonly times: number;
};

/** Milliseconds between two pulses. */
export const PULSE_MS = 1000;
