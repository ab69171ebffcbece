import type { RequestContext } from '../listener/request-context.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';

/** What an upstream was refused is an event of each request that it was refused for. */
export function auditFailure(context: RequestContext, { kind, where, refusal }: UpstreamFailure): void {
  if (kind === 'redirect_refused') context.refuse('redirect_location', refusal);
  if (kind === 'address_refused') context.refuse('address', where);
  if (kind === 'proxy_configuration_error' && refusal !== undefined) context.refuse('realm', refusal);
}
