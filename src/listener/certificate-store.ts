import type { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { TlsConfig } from '../config/config.ts';
import type { ClientAuthorities } from './client-authorities.ts';
import { describeError } from './describe-error.ts';
import type { Certificates } from './tls.ts';
import { contextOptions, loadCertificates, stampCertificates } from './tls.ts';

export type CertificateStore = {
  /** The certificates to use now; at times has the files looked at, which a later answer then reflects. */
  readonly current: () => Certificates;
  /** The clients' authorities in force: the same object for as long as the file says the same. */
  readonly clientAuthorities: () => ClientAuthorities | undefined;
  /** Looks at the files now. Ones that cannot be served leave the last good ones in place, and an error in the log. */
  refresh(): Promise<void>;
  /**
   * Other files from now on, once `commit` is called. The same ones are only looked at again.
   * @throws {CertificateError} where they cannot be served
   */
  prepare(config: TlsConfig): Promise<PreparedCertificates>;
  /** Called after each reload, for what holds a context of its own. */
  onReload(listener: (options: SecureContextOptions) => void): void;
};

export type PreparedCertificates = {
  readonly leaves: readonly X509Certificate[];
  commit(): void;
};

export type CertificateStoreDeps = {
  readonly log: Logger;
  readonly now: () => number;
  /** Told when changed files were taken up (undefined), or why they were not. */
  readonly onChange?: ((rejected: string | undefined) => void) | undefined;
};

/** Certificates are renewed weeks before they expire; one look in this time costs nothing and is soon enough. */
const LOOK_INTERVAL_MS = 10_000;

/**
 * Certificates that follow their files. No watcher: mounted secrets are replaced by renaming a folder's link, which
 * watchers of the files miss; what is compared is their times and sizes, when a handshake asks.
 *
 * @throws {CertificateError} where the files cannot be served at the start.
 */
export function createCertificateStore(
  initial: TlsConfig,
  { log, now, onChange }: CertificateStoreDeps,
): CertificateStore {
  let config = initial;
  const listeners: ((options: SecureContextOptions) => void)[] = [];
  let certificates = loadCertificates(config);
  let { clientAuthorities } = certificates;
  let lookedAt = now();
  let known = stampCertificates(config);
  let refreshing: Promise<void> | undefined;

  async function reloadIfChanged(): Promise<void> {
    const [before, after] = [await known, await stampCertificates(config)];
    if (after === before) return;
    try {
      const reloaded = loadCertificates(config);
      const options = contextOptions(config);
      take(reloaded, options);
      log.info({ files: config.certificates.length }, 'certificates reloaded');
      onChange?.(undefined);
    } catch (error) {
      // The pair is often written one file after the other: the next look finds it whole.
      log.error({ error: describeError(error) }, 'certificates not reloaded; the last good ones stay');
      onChange?.(error instanceof Error ? error.message : 'unknown error');
    }
    known = Promise.resolve(after);
  }

  function take(next: Certificates, options: SecureContextOptions): void {
    certificates = next;
    if (next.clientAuthorities?.pem !== clientAuthorities?.pem) clientAuthorities = next.clientAuthorities;
    for (const listener of listeners) listener(options);
  }

  function refresh(): Promise<void> {
    refreshing ??= reloadIfChanged().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  return {
    current() {
      if (now() - lookedAt >= LOOK_INTERVAL_MS) {
        lookedAt = now();
        void refresh();
      }
      return certificates;
    },
    clientAuthorities: () => clientAuthorities,
    refresh,
    async prepare(next) {
      if (isDeepStrictEqual(next, config)) {
        await refresh();
        return { leaves: certificates.leaves, commit: () => undefined };
      }
      // Before they are read: what changes meanwhile is seen as a change.
      const stamp = await stampCertificates(next);
      const loaded = loadCertificates(next);
      const options = contextOptions(next);
      return {
        leaves: loaded.leaves,
        commit() {
          config = next;
          known = Promise.resolve(stamp);
          take(loaded, options);
          onChange?.(undefined);
        },
      };
    },
    onReload: (listener) => void listeners.push(listener),
  };
}
