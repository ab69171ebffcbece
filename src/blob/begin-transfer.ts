import type { Metrics } from '../metrics/metrics.ts';
import { ociError } from '../oci/error.ts';

/** Seconds: a layer of 100 MB at 50 MB/s. */
const RETRY_SECONDS = 2;

/**
 * L4: a transfer to or from this client, download or upload, begins; the function returned ends it.
 * @throws OciError 429: it has too many, and may come back when one of them has ended
 */
export type BeginTransfer = (clientAddress: string) => () => void;

/** @param begin see `ClientLimits.beginTransfer` */
export function createBeginTransfer(
  begin: (clientAddress: string) => (() => void) | undefined,
  metrics: Pick<Metrics, 'clientLimitRefusals'>,
): BeginTransfer {
  return (clientAddress) => {
    const end = begin(clientAddress);
    if (end !== undefined) return end;
    metrics.clientLimitRefusals.inc({ limit: 'transfers' });
    throw ociError('TOOMANYREQUESTS', {
      message: 'Your address has too many downloads and uploads under way here; wait until one has ended.',
      headers: { 'retry-after': String(RETRY_SECONDS) },
    });
  };
}
