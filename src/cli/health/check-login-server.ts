import { isScheme, parseChallenges } from '../../http/challenge.ts';
import { checkClock } from './check-clock.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { firstMessage } from './first-message.ts';
import type { HealthDeps } from './health-deps.ts';
import { type ProbeAnswer, probeHttp } from './probe-http.ts';
import { reachHost } from './reach-host.ts';

/** A login server as a client meets it. */
export async function checkLoginServer(
  origin: URL,
  ca: string | undefined,
  deps: HealthDeps,
): Promise<readonly Finding[]> {
  const { address, findings } = await reachHost(origin, ca, deps);
  if (address === undefined) return findings;
  const answer = await probeHttp(new URL('/v2/', origin), address, deps);
  if (answer.kind === 'none') {
    const advice = 'look at the log of Berth, and for a proxy in between';
    return [...findings, fail('login-server', origin.host, `GET /v2/: ${answer.reason}`, advice)];
  }
  const clock = checkClock(origin.host, answer.headers.date, deps.now());
  return [...findings, judge(origin, answer), ...(clock === undefined ? [] : [clock])];
}

function judge({ host }: URL, answer: Extract<ProbeAnswer, { kind: 'answer' }>): Finding {
  const { status, headers, text, isEchoed } = answer;
  const said = firstMessage(text);
  const found = (detail: string, advice: string): Finding => fail('login-server', host, detail, advice);
  if (!isEchoed) {
    return found(
      `what answers GET /v2/ (status ${status}${headers.server === undefined ? '' : `, ${String(headers.server).slice(0, 60)}`}) is not Berth, or its header fields were changed on the way`,
      'correct the DNS record; a proxy in between must pass requests and answers on as they are',
    );
  }
  if (status === 421) {
    return found(
      `Berth does not know the host ${host}`,
      'add it as loginServer or alias of a registry; a proxy in between must keep the Host field',
    );
  }
  if (status === 403 && text.includes('This link is not valid here')) {
    return found(
      'this is a data endpoint, not a login server',
      'ask the login server: berth show-endpoints names both',
    );
  }
  if (status === 403)
    return found(
      `it refuses this machine${said}`,
      'see networkRules and publicNetworkAccess of the registry',
    );
  if (status === 429)
    return warn('login-server', host, `it answers 429${said}`, 'ask again later; see limits');
  if (status >= 500)
    return found(
      `it answers ${status}${said}`,
      'its upstream is in trouble: run this on the machine of Berth, and see its log',
    );
  if (status === 200) return ok('login-server', host, 'GET /v2/ is answered without credentials');
  if (status !== 401) return found(`it answers ${status}${said}`, 'see the log of Berth');
  const challenges = parseChallenges(headers['www-authenticate'] ?? '');
  const bearer = challenges.find((challenge) => isScheme(challenge, 'bearer'));
  const realm = URL.parse(bearer?.params.get('realm') ?? '');
  if (bearer !== undefined && realm?.hostname !== URL.parse(`https://${host}`)?.hostname) {
    return warn(
      'login-server',
      host,
      `its challenge names the token service ${realm?.host ?? 'of no URL'}, which clients must then reach as well`,
      'ask by loginServer itself: links are made of it; otherwise a proxy in between rewrites the challenge',
    );
  }
  if (challenges.length === 0)
    return found(
      'it answers 401 without a challenge',
      'a proxy in between takes WWW-Authenticate away: have it keep that',
    );
  return ok('login-server', host, 'GET /v2/ asks for credentials, as it should');
}
