import type { Logger } from 'pino';
import type { ListenerConfig } from '../config/config.ts';
import type { AuditDetail, AuditReason, RouteLabel, ServerLabel } from '../metrics/metrics.ts';

/** How a request ended, in one word, for the access line. */
export type Outcome =
  | 'ok'
  | 'redirected'
  | 'refused'
  | 'client_closed'
  | 'upstream_failed'
  | 'digest_mismatch'
  | 'drain_deadline'
  | 'failed';

/**
 * What the one log line of a request says, and the labels of its metrics. Handlers fill in what they learn. Only these
 * fields are logged; there is no way to log a query, a header field or a ticket through here.
 */
export type AccessFields = {
  /** The door the host belongs to. */
  door: ServerLabel;
  route: RouteLabel;
  /** Name of the registry in the configuration. */
  registry?: string | undefined;
  region?: string | undefined;
  repository?: string | undefined;
  /** Tag or digest, as parsed. */
  reference?: string | undefined;
  digest?: string | undefined;
  /** Left out: derived from the status. */
  outcome?: Outcome | undefined;
  /** RFC 9211's words. */
  cache?: 'hit' | 'miss' | 'stale' | 'bypass' | 'collapsed' | undefined;
  /** Why it failed: an RFC 9209 word, a ticket refusal, a code. Never a message of a peer. */
  failure?: string | undefined;
  /** Who asked, where Berth's own client policy knows (`clients`). */
  principal?: string | undefined;
};

/** What is known about a request before a door looks at it. */
export type RequestContext = {
  /** The client's own `X-Request-Id` where it is `[A-Za-z0-9._-]{1,64}`, else a new one. Also a field of the response. */
  readonly requestId: string;
  /** By the listener's `clientAddress` setting; IPv4-mapped addresses as IPv4. */
  readonly clientAddress: string;
  /** Of the listener that the client came to. */
  readonly network: ListenerConfig['network'];
  /** `host[:port]`, lower case, the scheme's own port left out; undefined never reaches a handler today. */
  readonly host: string | undefined;
  /** True where a certificate of the listener's `clientCaFile` was shown. */
  readonly clientCertificate: boolean;
  /** Carries the request id. */
  readonly log: Logger;
  readonly access: AccessFields;
  /**
   * Says, for the audit log, that this request is refused for safety. The first reason counts: a request is one event at
   * most. To be called when `access` says what was asked for.
   */
  refuse(reason: AuditReason, detail?: AuditDetail): void;
  /** Aborts when the client's connection closes before the response is complete, or when a drain's deadline passes. */
  readonly signal: AbortSignal;
};
