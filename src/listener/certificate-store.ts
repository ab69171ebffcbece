import type { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { TlsConfig } from '../config/config.ts';
import type { ClientAuthorities } from './client-authorities.ts';
import { describeError } from './describe-error.ts';
import type { Certificates } from './tls.ts';
import { CertificateError, loadCertificates, stampCertificates } from './tls.ts';

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
  onReload(listener: (options: Certificates['options']) => void): void;
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
  /** Left out: `loadCertificates`. */
  readonly load?: (config: TlsConfig) => Certificates;
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
  { log, now, onChange, load = loadCertificates }: CertificateStoreDeps,
): CertificateStore {
  let config = initial;
  const listeners: ((options: Certificates['options']) => void)[] = [];
  let certificates = load(config);
  let { clientAuthorities } = certificates;
  let lookedAt = now();
  let known = stampCertificates(config);
  let refreshing: Promise<void> | undefined;

  async function reloadIfChanged(): Promise<void> {
    const wanted = config;
    const [before, after] = [await known, await stampCertificates(wanted)];
    // Other files meanwhile, which have just been read.
    if (after === before || wanted !== config) return;
    try {
      take(load(wanted));
      log.info({ files: wanted.certificates.length }, 'certificates reloaded');
      onChange?.(undefined);
    } catch (error) {
      // The pair is often written one file after the other: the next look finds it whole.
      log.error({ error: describeError(error) }, 'certificates not reloaded; the last good ones stay');
      onChange?.(error instanceof Error ? error.message : 'unknown error');
      // These files may never change again.
      if (error instanceof CertificateError && error.mayPass) return;
    }
    known = Promise.resolve(after);
  }

  function take(next: Certificates): void {
    certificates = next;
    if (next.clientAuthorities?.pem !== clientAuthorities?.pem) clientAuthorities = next.clientAuthorities;
    for (const listener of listeners) listener(next.options);
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
      const loaded = load(next);
      return {
        leaves: loaded.leaves,
        commit() {
          config = next;
          known = Promise.resolve(stamp);
          take(loaded);
          onChange?.(undefined);
        },
      };
    },
    onReload: (listener) => void listeners.push(listener),
  };
}
