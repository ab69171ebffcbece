import type { Credentials, CredentialsSource } from '../credentials.ts';

export type FreshCredentials = {
  readonly credentials: Credentials;
  /** Unix milliseconds. */
  readonly expiresAt: number;
};

/** Less than 80 % of a life, so that an outage of the identity service has the rest of it to end in. */
const RENEW_SHARE = 0.75;
/** Milliseconds between two attempts: a registry that refuses what it is shown must not become a load on the cloud's identity service. */
const PAUSE_MS = 5000;

/**
 * Credentials that end, renewed early and once at a time. While present ones are valid nobody waits for new ones, and an
 * outage of whoever gives them out goes unnoticed.
 *
 * @param fetchFresh bounded here by `deadlineMs`, whether it heeds its signal or not
 */
export function createRenewedCredentials(
  fetchFresh: (signal: AbortSignal) => Promise<FreshCredentials>,
  options: {
    readonly deadlineMs: number;
    readonly now: () => number;
    readonly onResult: (result: 'ok' | 'failed') => void;
  },
): CredentialsSource {
  const { deadlineMs, now, onResult } = options;
  let present: (FreshCredentials & { readonly renewAt: number }) | undefined;
  let isRefused = false;
  let running: Promise<Credentials> | undefined;
  let failure: unknown;
  let nextAttemptAt = 0;

  async function fetchBounded(): Promise<Credentials> {
    const asked = now();
    try {
      const fresh = await bounded(fetchFresh, deadlineMs);
      present = { ...fresh, renewAt: asked + (fresh.expiresAt - asked) * RENEW_SHARE };
      isRefused = false;
      failure = undefined;
      onResult('ok');
      return fresh.credentials;
    } catch (error) {
      failure = error;
      onResult('failed');
      throw error;
    } finally {
      nextAttemptAt = now() + PAUSE_MS;
      running = undefined;
    }
  }

  const renew = (): Promise<Credentials> => (running ??= fetchBounded());

  return {
    async get() {
      const mayAsk = running !== undefined || nextAttemptAt <= now();
      if (present === undefined || present.expiresAt <= now()) {
        if (mayAsk || failure === undefined) return renew();
        throw failure;
      }
      const { credentials, renewAt } = present;
      if (!mayAsk) return credentials;
      if (isRefused) return renew().catch(() => credentials);
      if (renewAt <= now()) renew().catch(() => undefined);
      return credentials;
    },
    refresh() {
      isRefused = true;
    },
  };
}

async function bounded<T>(act: (signal: AbortSignal) => Promise<T>, deadlineMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const controller = new AbortController();
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${deadlineMs} ms`));
    controller.abort();
  }, deadlineMs);
  try {
    return await Promise.race([act(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
