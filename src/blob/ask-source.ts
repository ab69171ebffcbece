import type { IncomingHttpHeaders } from 'node:http';
import { formatRange } from '../http/range.ts';
import { UpstreamFailure, type UpstreamRole } from '../upstream/failure.ts';
import { isRedirect } from '../upstream/is-redirect.ts';
import type { Transfer } from '../upstream/transfer.ts';
import type { BlobSource } from './blob-source.ts';
import type { BlobSink, OpenOptions } from './open-blob.ts';

/** What a host (scheme, name, port) calls the body that is to be gone on with, if it has told; another one calls it otherwise. */
export type BodyTags = (origin: string) => string | undefined;

/** A source's answer; the body flows into `sink`, which is set first, once `transfer.resume` is called. */
export type Answer = {
  /** The one that answered, after redirects. */
  readonly source: BlobSource;
  readonly where: UpstreamRole;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly transfer: Transfer;
  sink: BlobSink | undefined;
  cancel(): void;
  /** Nobody wants its body, but perhaps the next one over its connection. */
  dismiss(): void;
};

/**
 * One GET, of one absolute range or of everything, redirects followed.
 *
 * @param tags a host that has another body now answers 412
 * @throws as `openBlob`
 */
export async function ask(
  options: Pick<OpenOptions, 'source' | 'signal'>,
  range: { firstPos: number; lastPos: number | undefined } | undefined,
  tags?: BodyTags,
): Promise<Answer> {
  const fields: Record<string, string> = { 'accept-encoding': 'identity' };
  if (range !== undefined) fields['range'] = formatRange(range);
  let source = options.source;
  for (;;) {
    const etag = tags?.(source.origin);
    const headers = etag === undefined ? fields : { ...fields, 'if-match': etag };
    const answer = await askOnce(source, headers, options.signal).catch((error: unknown) => {
      if (!(error instanceof UpstreamFailure) || error.kind !== 'connection_terminated') throw error;
      options.signal.throwIfAborted();
      return askOnce(source, headers, options.signal);
    });
    if (!isRedirect(answer.status)) return answer;
    answer.dismiss();
    // Refuses the hop too many as well (D12).
    source = source.redirected(answer.headers.location);
  }
}

function askOnce(source: BlobSource, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let answer: Answer | undefined;
    const transfer = source.start(headers, {
      start(status, responseHeaders) {
        signal.removeEventListener('abort', onAbort);
        answer = {
          source,
          where: source.where,
          status,
          headers: responseHeaders,
          transfer,
          sink: undefined,
          cancel: () => transfer.abort(),
          dismiss: () => (transfer.dismiss === undefined ? transfer.abort() : transfer.dismiss()),
        };
        resolve(answer);
      },
      data(chunk, slab) {
        // Nothing flows before `pipe` has set the sink: `startTransfer` pauses at the header section.
        answer?.sink?.data(chunk, slab);
      },
      end: () => answer?.sink?.end(),
      failed(failure) {
        signal.removeEventListener('abort', onAbort);
        if (answer === undefined) reject(failure);
        else answer.sink?.failed(failure);
      },
    });
    function onAbort(): void {
      transfer.abort();
      reject(signal.reason);
    }
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
