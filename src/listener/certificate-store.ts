import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { TlsConfig } from '../config/config.ts';
import { describeError } from './describe-error.ts';
import type { Certificates } from './tls.ts';
import { contextOptions, loadCertificates, stampFiles } from './tls.ts';

export type CertificateStore = {
  /** The certificates to use now; at times has the files looked at, which a later answer then reflects. */
  readonly current: () => Certificates;
  /** Looks at the files now. Ones that cannot be served leave the last good ones in place, and an error in the log. */
  refresh(): Promise<void>;
  /** Called after each reload, for what holds a context of its own. */
  onReload(listener: (options: SecureContextOptions) => void): void;
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
  config: TlsConfig,
  { log, now }: { log: Logger; now: () => number },
): CertificateStore {
  const listeners: ((options: SecureContextOptions) => void)[] = [];
  let certificates = loadCertificates(config);
  let lookedAt = now();
  let known = stampFiles(config);
  let refreshing: Promise<void> | undefined;

  async function reloadIfChanged(): Promise<void> {
    const [before, after] = [await known, await stampFiles(config)];
    if (after === before) return;
    try {
      const reloaded = loadCertificates(config);
      const options = contextOptions(config);
      certificates = reloaded;
      for (const listener of listeners) listener(options);
      log.info({ files: config.certificates.length }, 'certificates reloaded');
    } catch (error) {
      // The pair is often written one file after the other: the next look finds it whole.
      log.error({ error: describeError(error) }, 'certificates not reloaded; the last good ones stay');
    }
    known = Promise.resolve(after);
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
    refresh,
    onReload: (listener) => void listeners.push(listener),
  };
}
