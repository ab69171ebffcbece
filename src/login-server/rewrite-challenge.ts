import type { RegistryConfig } from '../config/config.ts';
import { formatChallenge, isScheme, parseChallenges } from '../http/challenge.ts';

/**
 * The upstream's challenge with the login server's own token endpoint as its realm (A1). `service` and `scope` stay:
 * they are bound into the token's `aud` and `access`. Undefined where there is no challenge that can be understood.
 */
export function rewriteChallenge(
  value: string | readonly string[] | undefined,
  registry: Pick<RegistryConfig, 'scheme' | 'loginServer'>,
): string | undefined {
  if (value === undefined) return undefined;
  const challenges = parseChallenges(typeof value === 'string' ? value : value.join(', '));
  const rewritten = challenges.map((challenge) => {
    if (!isScheme(challenge, 'bearer') || !challenge.params.has('realm')) return formatChallenge(challenge);
    const params = new Map(challenge.params);
    params.set('realm', `${registry.scheme}://${registry.loginServer}/oauth2/token`);
    return formatChallenge({ ...challenge, params });
  });
  return rewritten.length === 0 ? undefined : rewritten.join(', ');
}
