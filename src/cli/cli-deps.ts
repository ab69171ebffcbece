import type { Logger } from 'pino';

import type { Config, LogLevel } from '../config/config.ts';
import type { TicketKeys } from '../ticket/ticket-keys.ts';

/** What the commands need of the process around them, and of the application. */
export type CliDeps = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Width of help texts in characters. */
  readonly columns: number;
  /** Whether standard output takes colours: a terminal, unless NO_COLOR or FORCE_COLOR says otherwise. */
  readonly colours: boolean;
  /** Width of standard error in characters; undefined where it is no terminal, and no progress is shown. */
  readonly progressColumns: number | undefined;
  /** Writes text as it is; the caller ends its lines. */
  stdout(text: string): void;
  stderr(text: string): void;
  createLogger(level: LogLevel): Logger;
  createApp(config: Config, deps: { log: Logger; ticketKeys: TicketKeys }): Promise<RunningApp>;
  /** The loopback addresses of this machine: without IPv6 there is no `::1`. */
  loopbackAddresses(): readonly string[];
  /** All addresses of a name, `/etc/hosts` included; throws like `dns.lookup` where there is none. */
  resolveHost(name: string): Promise<readonly string[]>;
  /** DNS servers of this machine, as `dns.getServers` tells them. */
  dnsServers(): readonly string[];
  /** From the call on, a request to end the process aborts the signal instead of ending it. */
  stopSignal(): AbortSignal;
  /** From the call on, a request to take up the configuration again (SIGHUP) calls `act`; one from before does at once. */
  onReloadSignal(act: () => void): void;
  /** From the call on, a request to open log files anew (SIGUSR1) calls `act`; one from before does at once. */
  onReopenSignal(act: () => void): void;
};

/** The part of the application that `serve` drives. */
export type RunningApp = {
  start(): Promise<{
    readonly listeners: readonly BoundAddress[];
    readonly metrics: BoundAddress | null;
    readonly console: BoundAddress | null;
  }>;
  /** Drains within the limit. */
  stop(): Promise<void>;
  /** Takes up what the sources say now, or says why not; never rejects. */
  reload(sources: {
    config(): Promise<Config>;
    ticketKeys(config: Config): Promise<TicketKeys>;
  }): Promise<void>;
  /** Never rejects. */
  reopenAuditLog(): Promise<void>;
};

export type BoundAddress = { readonly address: string; readonly port: number };
