import type { Config } from '../../config/config.ts';
import { type Finding, fail, ok } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';
import { probeHttp } from './probe-http.ts';

/** Whether the Berth of this configuration runs on this machine and takes requests; undefined where it has no metrics listener. */
export async function checkReady({ metrics }: Config, deps: HealthDeps): Promise<Finding | undefined> {
  if (metrics === null) return undefined;
  const address = HERE[metrics.address] ?? metrics.address;
  const host = address.includes(':') ? `[${address}]` : address;
  const url = new URL(`http://${host}:${metrics.port}/readyz`);
  const answer = await probeHttp(url, address, deps);
  if (answer.kind === 'none') {
    return fail(
      'ready',
      url.host,
      `no Berth with this configuration answers here (${answer.reason})`,
      'start it with "berth serve"; on a machine of clients, use --login-server instead of a configuration',
    );
  }
  if (answer.status === 200) return ok('ready', url.host, 'Berth takes requests');
  const said = answer.text.trim().slice(0, 200);
  return fail(
    'ready',
    url.host,
    `Berth is ${said === '' ? `not ready (${answer.status})` : said}`,
    'wait for its start or end, and see its log',
  );
}

/** What stands for every address of a machine can not be connected to everywhere. */
const HERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
