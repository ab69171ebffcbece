import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { AuditEvent } from '../audit/audit.ts';
import type { Config } from '../config/config.ts';
import type { Migration } from '../endpoints/migration.ts';
import type { Settings, UpdateResult } from '../endpoints/settings.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SharedState } from '../state/shared-state.ts';
import { formatTicketKeys, type TicketKeys } from '../ticket/ticket-keys.ts';
import type { Tracing } from '../trace/tracing.ts';
import { type Crew, createCrew } from '../workers/crew.ts';
import type { ForkWorker } from '../workers/raw-port.ts';
import { type ReservedPort, reservePorts } from '../workers/reserve-ports.ts';
import { withPorts } from '../workers/worker-config.ts';
import type { BlobShelf } from './open-blob-places.ts';
import type { Serving } from './serving.ts';

/** The workers of this configuration, which listen in place of the primary. */
export type OpenedCrew = Pick<Crew, 'removed' | 'metrics' | 'work' | 'drain'> & {
  /** Resolves with the addresses when all listen. @throws where one can not be listened on; then none is left */
  listen(): Promise<readonly ReservedPort[]>;
  /** The primary has taken this up: the workers do. Resolves when they have. */
  reload(): Promise<void>;
  /** The primary's own checks, which hold where they do at all workers as well, and that there is any worker. */
  checks(own: Readonly<Record<string, () => boolean>>): Readonly<Record<string, () => boolean>>;
  /** The same settings, whose changes are in force everywhere when they resolve. */
  readonly settings: Settings;
};

const TLS_TICKET_KEY_BYTES = 48;

/** @param initial whole: what each process has of it is its own business */
export function openCrew(
  initial: Config,
  count: number,
  deps: {
    readonly fork: ForkWorker;
    readonly shelf: Pick<BlobShelf, 'store' | 'attach'>;
    readonly serving: Serving;
    readonly state: SharedState;
    readonly settings: Settings;
    readonly ticketKeys: () => TicketKeys;
    /** Whole, as `initial`. */
    readonly inForce: () => Config;
    readonly audit: (event: AuditEvent) => void;
    readonly migration: Migration;
    readonly tracing: Tracing;
    readonly metrics: Metrics;
    readonly log: Logger;
  },
): OpenedCrew {
  const { serving, settings, shelf } = deps;
  const tlsTicketKeys = randomBytes(TLS_TICKET_KEY_BYTES);
  let ports: readonly number[] = [];

  /** What the workers are to have in force. */
  const whole = (): Config => withPorts({ ...deps.inForce(), workers: count }, ports);
  const keys = (): string => formatTicketKeys(deps.ticketKeys());

  const crew = createCrew({
    count,
    fork: deps.fork,
    begin: () => ({
      config: whole(),
      ticketKeys: keys(),
      tlsTicketKeys,
      overrides: settings.overrides,
    }),
    store: shelf.store,
    attach: shelf.attach,
    openSource(registry, facts) {
      const doors = serving.doors(registry);
      if (doors === undefined) return undefined;
      const source = doors.openSource(facts);
      return { source, letGo: doors.upstream.hold() };
    },
    state: deps.state,
    audit: deps.audit,
    migration: deps.migration,
    tracing: deps.tracing,
    metrics: deps.metrics,
    log: deps.log,
  });

  async function update(...change: Parameters<Settings['update']>): Promise<UpdateResult> {
    const result = await settings.update(...change);
    await crew.switchSettings(settings.overrides);
    return result;
  }

  return {
    removed: (digest) => crew.removed(digest),
    metrics: crew.metrics,
    work: () => crew.work(),
    drain: (withinMs) => crew.drain(withinMs),
    async listen() {
      const reserved = await reservePorts(initial.listeners);
      ports = reserved.map(({ port }) => port);
      await crew.start();
      return reserved;
    },
    async reload() {
      await crew.reload(whole(), keys());
      await crew.switchSettings(settings.overrides);
    },
    checks(own) {
      const both = Object.entries(own).map(
        ([name, holds]) => [name, () => holds() && !crew.failing().has(name)] as const,
      );
      // Of those that are gone others take the place.
      return { workers: () => crew.running > 0, ...Object.fromEntries(both) };
    },
    settings: {
      ...settings,
      get overrides() {
        return settings.overrides;
      },
      update,
    },
  };
}
