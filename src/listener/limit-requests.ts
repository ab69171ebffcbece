import type { Metrics } from '../metrics/metrics.ts';
import { type OciError, ociError } from '../oci/error.ts';
import type { ClientLimits } from '../policy/client-limits.ts';

export type RequestLimitDeps = {
  /** Left out: nobody counts. */
  readonly clientLimits?: Pick<ClientLimits, 'takeRequest'>;
  readonly metrics: Pick<Metrics, 'clientLimitRefusals'>;
};

/**
 * L2: takes this client's turn, so that one address can not keep the others from theirs. Undefined: it may come; else the
 * answer that it gets instead. Before anything else, as everything else costs more: an upstream's answer, a line in the log.
 */
export function limitRequests(
  clientAddress: string,
  { clientLimits, metrics }: RequestLimitDeps,
): OciError | undefined {
  const seconds = clientLimits?.takeRequest(clientAddress) ?? 0;
  if (seconds === 0) return undefined;
  metrics.clientLimitRefusals.inc({ limit: 'requests' });
  return ociError('TOOMANYREQUESTS', {
    message: 'Your address asks more often than this registry proxy allows; wait before the next request.',
    headers: { 'retry-after': String(seconds) },
  });
}
