import { type Finding, fail, ok } from './finding.ts';
import { firstMessage } from './first-message.ts';
import type { HealthDeps } from './health-deps.ts';
import { probeHttp } from './probe-http.ts';
import { reachHost } from './reach-host.ts';

/** A data endpoint as a client meets it, up to the refusal that a request without a ticket has coming. */
export async function checkDataEndpoint(
  origin: URL,
  ca: string | undefined,
  deps: HealthDeps,
): Promise<readonly Finding[]> {
  const { address, findings } = await reachHost(origin, ca, deps);
  if (address === undefined) return findings;
  const answer = await probeHttp(new URL('/', origin), address, deps);
  return [...findings, judge(origin.host, answer)];
}

function judge(host: string, answer: Awaited<ReturnType<typeof probeHttp>>): Finding {
  const found = (detail: string, advice: string): Finding => fail('data-endpoint', host, detail, advice);
  if (answer.kind === 'none')
    return found(`GET /: ${answer.reason}`, 'look at the log of Berth, and for a proxy in between');
  const { status, text, isEchoed } = answer;
  if (!isEchoed) {
    return found(
      `what answers (status ${status}) is not Berth, or its header fields were changed on the way`,
      'correct the DNS record; a proxy in between must pass requests and answers on as they are',
    );
  }
  if (status === 421) {
    return found(
      `Berth does not know the host ${host}`,
      'compare it with dataEndpoint and regions of the registry; a proxy in between must keep the Host field',
    );
  }
  if (status === 403 && text.includes('This link is not valid here')) {
    return ok('data-endpoint', host, 'answers, and wants a ticket, as it should');
  }
  return found(
    `it answers ${status}${firstMessage(text)}`,
    'see networkRules and publicNetworkAccess of the registry, and the log of Berth',
  );
}
