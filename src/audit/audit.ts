import type { Logger } from 'pino';
import type { AuditDetail, AuditReason, Metrics, ServerLabel } from '../metrics/metrics.ts';
import { errorCode } from '../system/error-code.ts';
import { type AuditFile, openAuditFile } from './audit-file.ts';

/**
 * One refusal: who asked for what, and why not. Only these fields are written; there is no way to write a query, a header
 * field, a token or a ticket through here.
 */
export type AuditEvent = {
  readonly reason: AuditReason;
  readonly detail?: AuditDetail | undefined;
  /** Undefined: a connection that carried no request. */
  readonly requestId?: string | undefined;
  /** Address, by the listener's `clientAddress`. */
  readonly client: string | undefined;
  /** Where Berth's own policy knows (`clients`). */
  readonly principal?: string | undefined;
  readonly method?: string | undefined;
  /** As asked for, canonical. */
  readonly host?: string | undefined;
  readonly door: ServerLabel;
  readonly registry?: string | undefined;
  readonly repository?: string | undefined;
  readonly reference?: string | undefined;
  readonly digest?: string | undefined;
};

export type Audit = {
  record(event: AuditEvent): void;
  /** After the file was renamed. Never rejects: where the new one can not be opened, the old one stays, and the log says so. */
  reopen(): Promise<void>;
  close(): Promise<void>;
};

/** `audit.file` can not be used; the message is for the operator as it is. */
export class AuditFileError extends Error {
  override readonly name = 'AuditFileError';
  readonly code = 'invalid_audit_file';
}

/**
 * The audit log of all registries (`audit.file`); null: refusals are lines of the normal log, with their reason as
 * `audit`. So is what the file could not take.
 *
 * @throws AuditFileError where the file can not be opened
 */
export function createAudit(deps: {
  readonly file: string | null;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'auditEvents' | 'auditWriteFailures'>;
  /** Unix milliseconds. */
  readonly now?: () => number;
}): Audit {
  const { log, metrics } = deps;
  const now = deps.now ?? Date.now;
  const file = deps.file === null ? undefined : openFile(deps.file, log);

  function toLog({ reason, ...facts }: AuditEvent): void {
    log.warn({ audit: reason, ...facts }, 'refused');
  }

  return {
    record(event) {
      metrics.auditEvents.inc({ reason: event.reason });
      if (file === undefined) {
        toLog(event);
        return;
      }
      file.append(JSON.stringify({ time: new Date(now()).toISOString(), ...event }), () => {
        metrics.auditWriteFailures.inc({});
        toLog(event);
      });
    },
    async reopen() {
      try {
        await file?.reopen();
      } catch (error) {
        log.error(
          { file: deps.file, code: codeOf(error) },
          'audit.file not reopened; the open one stays in use',
        );
      }
    },
    close: async () => file?.close(),
  };
}

function openFile(path: string, log: Pick<Logger, 'info' | 'error'>): AuditFile {
  try {
    return openAuditFile(path, {
      onFailing: (error) =>
        log.error(
          { file: path, code: codeOf(error) },
          'audit.file can not be written; refusals go to this log',
        ),
      onWorking: () => log.info({ file: path }, 'audit.file is written again'),
    });
  } catch (error) {
    throw new AuditFileError(
      `audit.file ${path} can not be opened (${codeOf(error)}); its folder must exist, and this user must be able to write there`,
      { cause: error },
    );
  }
}

function codeOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.message : 'unknown');
}
