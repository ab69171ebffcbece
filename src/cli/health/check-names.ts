import { isSameOrSubdomain } from '../../http/host.ts';
import { type Finding, fail, ok } from './finding.ts';

/** DESIGN's naming rule: Go clients send a registry's Authorization along to the same host and to hosts below it. */
export function checkNames(
  loginServers: readonly string[],
  dataEndpoints: readonly string[],
): readonly Finding[] {
  return dataEndpoints.map((endpoint) => {
    const above = loginServers.find((login) => isSameOrSubdomain(endpoint, login));
    if (above === undefined) return ok('names', endpoint, 'is not below a login server');
    return fail(
      'names',
      endpoint,
      `it is ${endpoint === above ? 'the same as' : 'below'} the login server ${above}, so that clients send their token to it`,
      'give the data endpoint a name beside the login server, such as <registry>.<region>.data.<domain>',
    );
  });
}
