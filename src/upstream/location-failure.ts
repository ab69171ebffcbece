import type { CheckedLocation } from './check-location.ts';
import { UpstreamFailure } from './failure.ts';

/** A Location that is neither followed nor given out. Its host is told, never its path or query. */
export function locationFailure(
  { reason, host }: Extract<CheckedLocation, { kind: 'refused' }>,
  where: 'registry' | 'storage',
): UpstreamFailure {
  const target = host === undefined ? '' : ` to ${host}`;
  const message = `${where}: a redirect${target} is refused (${reason}); see redirectHosts of this registry`;
  return new UpstreamFailure('redirect_refused', where, message, { refusal: reason });
}
