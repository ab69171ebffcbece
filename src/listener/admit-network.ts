import { ociError } from '../oci/error.ts';
import type { NetworkRules } from '../policy/network-rules.ts';
import type { RequestContext } from './request-context.ts';

/**
 * Lets a request on to its registry, by where it comes from (docs/request-handling.md N1–N4). The first words of the
 * refusal are Azure Container Registry's: operators and their scripts know them.
 *
 * @throws OciError 403; the connection ends with it, since whatever comes next would be refused as well
 */
export function admitNetwork(context: RequestContext, rules: NetworkRules): void {
  const decision = rules.decide(context);
  if (decision === 'allowed') return;
  context.refuse(decision);
  context.access.failure = decision;
  const what = `client with IP '${context.clientAddress}' is not allowed access.`;
  throw ociError('DENIED', { message: `${what} ${TO_DO[decision]}`, headers: { connection: 'close' } });
}

const TO_DO = {
  network_rule: 'Ask the operator of this registry proxy to allow the address in networkRules.',
  public_network: 'This registry is closed to public networks; connect through the private one.',
} as const;
