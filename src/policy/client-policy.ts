import type { ClientsConfig } from '../config/config.ts';
import { createAddressSet } from './address-set.ts';
import { parseBasicCredentials } from './basic-credentials.ts';
import { type HtpasswdFileDeps, openHtpasswdFile } from './htpasswd-file.ts';
import { createPasswordCheck, FAILURE_WINDOW_MS, type PasswordCheck } from './password-check.ts';

export type ClientPolicyQuestion = {
  /** As `clientAddress` gives it. */
  readonly address: string;
  /** The request's `Authorization` field. */
  readonly authorization: string | undefined;
  /** The client showed a certificate that the listener's `clientCaFile` signed. */
  readonly clientCertificate: boolean;
};

export type ClientPolicyDecision =
  /** `principal` for logs: `network`, `certificate`, `user:<name>` or `anonymous`. */
  | { readonly kind: 'allowed'; readonly principal: string }
  /** Credentials are missing or wrong: 401 with a Basic challenge. */
  | { readonly kind: 'challenge' }
  /** No credentials would help: 403. */
  | { readonly kind: 'denied' }
  /** Too many wrong passwords, or too many checks at once: 429 with `Retry-After`. */
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number };

export type ClientPolicy = {
  decide(question: ClientPolicyQuestion): Promise<ClientPolicyDecision>;
  /** Looks whether the htpasswd file has changed; otherwise the next question does. */
  refresh(): Promise<void>;
};

/**
 * Who may use a registry for which Berth holds credentials of its own (`registries[].clients`). A certificate or
 * a network is enough by itself, whatever credentials come along. Elsewhere wrong credentials are challenged, even
 * where everybody may pull: `docker login` must not report success for a mistyped password.
 *
 * @throws {HtpasswdFileError} where the htpasswd file is not usable now.
 */
export function createClientPolicy(config: ClientsConfig, deps: HtpasswdFileDeps = {}): ClientPolicy {
  const networks = createAddressSet(config.networks);
  const file = config.htpasswdFile === null ? undefined : openHtpasswdFile(config.htpasswdFile, deps);
  const passwords = file === undefined ? undefined : createPasswordCheck(file, deps);

  return {
    refresh: async () => void (await file?.current()),
    async decide({ address, authorization, clientCertificate }) {
      if (config.mtls && clientCertificate) return allowed('certificate');
      // Before the network, because who is known by name may do more than who is only let in.
      const verdict =
        passwords === undefined || authorization === undefined
          ? undefined
          : await checkAuthorization(passwords, authorization, address);
      if (verdict?.kind === 'allowed') return verdict;
      if (networks.has(address)) return allowed('network');
      if (verdict !== undefined) return verdict;
      if (config.anonymous) return allowed('anonymous');
      return { kind: passwords === undefined ? 'denied' : 'challenge' };
    },
  };
}

async function checkAuthorization(
  passwords: PasswordCheck,
  authorization: string,
  address: string,
): Promise<ClientPolicyDecision> {
  const credentials = parseBasicCredentials(authorization);
  const result = credentials === undefined ? 'wrong' : await passwords.check(credentials, address);
  if (result === 'throttled') return { kind: 'throttled', retryAfterSeconds: FAILURE_WINDOW_MS / 1000 };
  return result === 'right' && credentials !== undefined
    ? allowed(`user:${credentials.user}`)
    : { kind: 'challenge' };
}

function allowed(principal: string): ClientPolicyDecision {
  return { kind: 'allowed', principal };
}
