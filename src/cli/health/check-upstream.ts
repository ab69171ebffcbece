import type { RegistryConfig } from '../../config/config.ts';
import { isScheme, parseChallenges } from '../../http/challenge.ts';
import { parseHost } from '../../http/host.ts';
import { createAllowedAddresses, createUpstreamAddresses } from '../../upstream/address-check.ts';
import { checkClock } from './check-clock.ts';
import { findAddresses } from './find-addresses.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { firstMessage } from './first-message.ts';
import type { HealthDeps } from './health-deps.ts';
import { type ProbeAnswer, probeHttp } from './probe-http.ts';
import { reachHost } from './reach-host.ts';
import { tryConnections } from './try-connection.ts';

/** What Berth itself must reach for one registry: the upstream, its token service, and storage hosts that are named exactly. */
export async function checkUpstream(
  { upstream, redirectHosts }: Pick<RegistryConfig, 'upstream' | 'redirectHosts'>,
  ca: string | undefined,
  deps: HealthDeps,
): Promise<readonly Finding[]> {
  if (upstream.proxy !== null) return checkProxy(new URL(upstream.proxy), deps);
  const judge = judgeAddresses(upstream.allowedPrivateAddresses);
  const origin = new URL(upstream.url);
  const findings = [...(await checkRegistry(origin, upstream.tokenHosts, { ca, deps, judge }))];
  for (const { host } of redirectHosts) {
    // A pattern names no host; --image finds the one that it is.
    if (host.includes('*') || host === origin.host) continue;
    const storage = new URL(
      `${origin.protocol === 'http:' && host === origin.host ? 'http' : 'https'}://${host}`,
    );
    const reached = await reachHost(storage, ca, deps, judge(host));
    findings.push(...reached.findings);
    if (reached.address !== undefined) findings.push(ok('storage', host, 'can be reached'));
  }
  return findings;
}

type Judge = (host: string) => (addresses: readonly string[]) => readonly Finding[];

type Means = { readonly ca: string | undefined; readonly deps: HealthDeps; readonly judge: Judge };

async function checkRegistry(
  origin: URL,
  tokenHosts: readonly string[],
  { ca, deps, judge }: Means,
): Promise<readonly Finding[]> {
  const { address, findings } = await reachHost(origin, ca, deps, judge(origin.host));
  if (address === undefined) return findings;
  const answer = await probeHttp(new URL('/v2/', origin), address, deps);
  if (answer.kind === 'none') {
    const advice =
      'look for a firewall or proxy in between; Berth waits for it as long as timeouts.headersSeconds says';
    return [...findings, fail('upstream', origin.host, `GET /v2/: ${answer.reason}`, advice)];
  }
  const clock = checkClock(origin.host, answer.headers.date, deps.now());
  const token = await checkTokenService(origin, tokenHosts, answer, { ca, deps, judge });
  return [...findings, judgeRegistry(origin.host, answer), ...(clock === undefined ? [] : [clock]), ...token];
}

type Answer = Extract<ProbeAnswer, { kind: 'answer' }>;

function judgeRegistry(host: string, { status, headers, text }: Answer): Finding {
  const said = firstMessage(text);
  const isRegistry = headers['docker-distribution-api-version'] !== undefined || status === 401;
  if (status === 403) {
    const advice = "let this machine's public address into the registry's own firewall";
    return fail('upstream', host, `it refuses this machine${said}`, advice);
  }
  if (status === 429) {
    const advice = 'set upstream.limits.requestsPerMinute, or give Berth credentials of its own';
    return warn('upstream', host, `it answers 429${said}`, advice);
  }
  if (status >= 500) {
    return fail('upstream', host, `it answers ${status}${said}`, "look at the registry's own status page");
  }
  if ((status === 200 || status === 401) && isRegistry) {
    return ok('upstream', host, `answers GET /v2/ with ${status}`);
  }
  return fail(
    'upstream',
    host,
    `it answers GET /v2/ with ${status} and is no registry`,
    'correct upstream.url; a proxy or captive portal in between may have answered',
  );
}

async function checkTokenService(
  origin: URL,
  tokenHosts: readonly string[],
  { headers }: Answer,
  { ca, deps, judge }: Means,
): Promise<readonly Finding[]> {
  const challenges = parseChallenges(headers['www-authenticate'] ?? '');
  const bearer = challenges.find((challenge) => isScheme(challenge, 'bearer'));
  if (bearer === undefined) return [];
  const realm = URL.parse(bearer.params.get('realm') ?? '');
  const host = realm === null ? undefined : parseHost(realm.host, 'https');
  if (realm === null || host === undefined) {
    return [
      fail(
        'token-service',
        origin.host,
        'its challenge names no token service',
        'look for a proxy in between that rewrites it',
      ),
    ];
  }
  if (realm.host === origin.host) return [ok('token-service', host, 'is the registry itself')];
  if (!tokenHosts.includes(host)) {
    return [
      fail(
        'token-service',
        host,
        'the registry names it and Berth refuses it',
        `add ${host} to upstream.tokenHosts if it is the registry's`,
      ),
    ];
  }
  if (realm.protocol !== 'https:' && origin.protocol === 'https:') {
    return [
      fail(
        'token-service',
        host,
        'it is asked for by plain http, which Berth refuses',
        'look for a proxy in between that rewrites the challenge',
      ),
    ];
  }
  const reached = await reachHost(new URL(realm.origin), ca, deps, judge(host));
  return reached.address === undefined
    ? reached.findings
    : [...reached.findings, ok('token-service', host, 'can be reached')];
}

/** As the connector judges them (upstream/address-check.ts). */
function judgeAddresses(allowedPrivate: readonly string[]): Judge {
  const allowed = createUpstreamAddresses(createAllowedAddresses(allowedPrivate));
  return (host) => (addresses) => {
    const refused = addresses.filter((address) => !allowed.has(address));
    if (refused.length === 0) return [];
    const detail = `${refused.join(', ')} is not on the public internet, and Berth does not connect to it`;
    const advice =
      'add its network to upstream.allowedPrivateAddresses if it is meant to be used; otherwise correct the DNS record';
    return refused.length === addresses.length
      ? [fail('dns', host, detail, advice)]
      : [warn('dns', host, detail, advice)];
  };
}

/** It resolves the names and opens the connections, so nothing behind it can be seen from here. */
async function checkProxy(proxy: URL, deps: HealthDeps): Promise<readonly Finding[]> {
  const port = proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port);
  const { addresses, finding } = await findAddresses(proxy.hostname, deps);
  const findings = finding === undefined ? [] : [finding];
  if (addresses.length === 0) return findings;
  const { open, finding: connection } = await tryConnections(proxy.hostname, addresses, port, deps);
  if (open.length === 0) return [...findings, connection];
  const advice = 'try a whole pull with --image';
  return [
    ...findings,
    connection,
    warn('upstream', proxy.host, 'is asked through this proxy, and not looked at behind it', advice),
  ];
}
