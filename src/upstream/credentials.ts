import type { IdentityAuth, UpstreamAuth } from '../config/config.ts';
import { readCredentialsFile } from './credentials-file.ts';
import { runCredentialHelper } from './credentials-helper.ts';

/** Berth's own, for one upstream. */
export type Credentials = {
  readonly username: string;
  readonly password: string;
};

export type CredentialsSource = {
  /** Rejects with an Error that names the file or command and never its content. */
  get(): Promise<Credentials>;
  /** The upstream refused the last ones: the next `get` asks anew. */
  refresh(): void;
};

/** Milliseconds. Helpers hand out short-lived secrets and cost a process each. */
const HELPER_KEEP_MS = 5 * 60_000;

/** @param host the upstream's `host[:port]`, which a helper is asked about */
export function createCredentialsSource(
  auth: Exclude<UpstreamAuth, IdentityAuth>,
  host: string,
  now: () => number = Date.now,
): CredentialsSource {
  if (auth.kind === 'file') {
    // Read each time: credentials are used once per token, and a file that changed is then never missed.
    return { get: () => readCredentialsFile(auth.file), refresh: () => undefined };
  }
  let kept: { answer: Promise<Credentials>; until: number } | undefined;
  return {
    get() {
      if (kept === undefined || kept.until <= now()) {
        const answer = runCredentialHelper(auth.command, host, auth.timeoutSeconds * 1000);
        const fresh = { answer, until: now() + HELPER_KEEP_MS };
        answer.catch(() => {
          if (kept === fresh) kept = undefined;
        });
        kept = fresh;
      }
      return kept.answer;
    },
    refresh() {
      kept = undefined;
    },
  };
}

/** RFC 7617. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
