import type { RangeSpec } from '../../http/range.ts';
import type { OpenResult } from '../open-blob.ts';
import type { ReaderPort } from './fill-messages.ts';
import { FillReader } from './fill-reader.ts';
import type { SpoolReadingDeps } from './spool-reading.ts';

/**
 * Joins a fill as a reader. Resolves when the first byte that is wanted can be read, so that a source that refuses can still
 * be told as what it is; undefined where there will be no fill and the caller streams.
 *
 * @throws UpstreamFailure where no source has the bytes; the reason of `signal` when that aborts
 */
export function readFill(
  port: ReaderPort,
  request: { readonly range: RangeSpec | undefined; readonly signal: AbortSignal },
  deps: SpoolReadingDeps,
): Promise<OpenResult | undefined> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      // The owner counts it as a reader already.
      port.post({ kind: 'leave' });
      reject(signal.reason);
      return;
    }
    const reader = new FillReader(port, request.range, deps, {
      resolve(result) {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      },
      reject(error) {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    });
    function onAbort(): void {
      reader.cancel();
      reject(signal.reason);
    }
    signal.addEventListener('abort', onAbort, { once: true });
    reader.join();
  });
}
