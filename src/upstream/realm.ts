import type { IncomingHttpHeaders } from 'node:http';
import { type Challenge, isScheme, parseChallenges } from '../http/challenge.ts';
import type { RedirectRefusal } from '../metrics/metrics.ts';
import { answerFailure } from './answer-failure.ts';
import { createCollapse } from './collapse.ts';
import { endBody } from './end-body.ts';
import type { Exchange } from './exchange.ts';
import { UpstreamFailure } from './failure.ts';
import { parseRawUrl } from './raw-url.ts';

/** What a registry asks of whoever wants in. */
export type Realm =
  | {
      readonly kind: 'bearer';
      /** The token service, checked; as the challenge names it. */
      readonly url: string;
      readonly service: string | undefined;
      /** From the challenge to a refused request; undefined where it comes from `/v2/`. */
      readonly scope: string | undefined;
    }
  | { readonly kind: 'basic' }
  | { readonly kind: 'none' };

export type RealmRules = {
  /** `scheme://host` of the upstream. */
  readonly upstreamOrigin: string;
  /** Further `host[:port]` that a realm may name. */
  readonly tokenHosts: readonly string[];
};

/** Bytes. The longest in use (GitLab's with a query) stays under 200. */
const MAX_REALM_LENGTH = 2048;

/** Milliseconds. A registry changes its token service about never; a replica started today shall still notice. */
const KEEP_MS = 10 * 60_000;

/**
 * The realm of `GET /v2/`, kept for ten minutes and asked for once at a time. `deadlineMs` bounds one question.
 */
export function createRealmSource(
  exchange: Exchange,
  rules: RealmRules,
  options: { deadlineMs: number; now: () => number },
): (signal: AbortSignal) => Promise<Realm> {
  const collapse = createCollapse<Realm>();
  let kept: { realm: Promise<Realm>; until: number } | undefined;

  async function ask(): Promise<Realm> {
    const response = await exchange({
      method: 'GET',
      origin: rules.upstreamOrigin,
      path: '/v2/',
      headers: {},
      signal: AbortSignal.timeout(options.deadlineMs),
    });
    await endBody(response);
    if (response.status !== 401 && response.status !== 200) {
      throw answerFailure('registry', 'GET /v2/', response.status, response.headers, options.now());
    }
    const asked: Realm = response.status === 200 ? { kind: 'none' } : selectRealm(response.headers, rules);
    // Some registries (GHCR) name a made-up scope at `/v2/`.
    const realm: Realm = asked.kind === 'bearer' ? { ...asked, scope: undefined } : asked;
    kept = { realm: Promise.resolve(realm), until: options.now() + KEEP_MS };
    return realm;
  }

  async function askOnce(signal: AbortSignal): Promise<Realm> {
    return (await collapse.run('realm', ask, signal)).value;
  }

  // Each token request comes by here.
  return (signal) => (kept !== undefined && kept.until > options.now() ? kept.realm : askOnce(signal));
}

/** The strongest challenge of a 401 that Berth can meet; throws `UpstreamFailure` when there is none. */
export function selectRealm(headers: IncomingHttpHeaders, rules: RealmRules): Realm {
  const field = headers['www-authenticate'];
  const challenges = parseChallenges((Array.isArray(field) ? field.join(', ') : field) ?? '');
  const bearer = challenges.find((challenge) => isScheme(challenge, 'bearer'));
  if (bearer !== undefined) return bearerRealm(bearer, rules);
  if (challenges.some((challenge) => isScheme(challenge, 'basic'))) return { kind: 'basic' };
  throw new UpstreamFailure(
    'http_protocol_error',
    'registry',
    'the registry answered 401 without a Bearer or Basic challenge',
  );
}

function bearerRealm({ params }: Challenge, rules: RealmRules): Realm {
  const url = params.get('realm') ?? '';
  checkRealm(url, rules);
  return { kind: 'bearer', url, service: params.get('service'), scope: params.get('scope') };
}

/**
 * Tokens and passwords are sent to whatever a realm names: https, and the registry's own host or one the operator
 * listed. Throws `UpstreamFailure`.
 */
function checkRealm(url: string, rules: RealmRules): void {
  if (url.length > MAX_REALM_LENGTH) throw refused('too_long', `longer than ${MAX_REALM_LENGTH} bytes`);
  const realm = parseRawUrl(url);
  const own = parseRawUrl(rules.upstreamOrigin);
  if (realm === undefined)
    throw refused('malformed', 'not an absolute http(s) URL without user information and fragment');
  if (realm.scheme !== 'https' && own?.scheme !== 'http')
    throw refused('scheme_not_allowed', `${realm.host} by plain http`);
  if (realm.host !== own?.host && !rules.tokenHosts.includes(realm.host)) {
    throw refused(
      'host_not_listed',
      `${realm.host} is not the registry's host; add it to upstream.tokenHosts if it is its token service`,
    );
  }
}

function refused(refusal: RedirectRefusal, why: string): UpstreamFailure {
  return new UpstreamFailure(
    'proxy_configuration_error',
    'token_service',
    `the registry's realm is refused: ${why}`,
    { refusal },
  );
}
