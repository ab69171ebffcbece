import type { IncomingHttpHeaders } from 'node:http';
import type { UpstreamRole } from '../upstream/failure.ts';
import type { Transfer, TransferHandler } from '../upstream/transfer.ts';
import type { SourceFacts } from './source-facts.ts';

/** Where the bytes of one blob come from: a URL that a registry named, with what may be sent along to it. */
export type BlobSource = {
  readonly where: UpstreamRole;
  /** Scheme, host and port: whose word its bytes are. */
  readonly origin: string;
  /** One GET with these fields added; see `startTransfer`. */
  start(headers: Readonly<Record<string, string>>, handler: TransferHandler): Transfer;
  /**
   * The source that this one's redirect names, checked, and without credentials unless it is the same host.
   * @throws UpstreamFailure `redirect_refused`
   */
  redirected(location: IncomingHttpHeaders['location']): BlobSource;
  /** Unix milliseconds from which on it will be refused; undefined: it does not tell, or never. */
  readonly expiresAt?: number | undefined;
  /**
   * A fresh source of the same blob, by another decision of the upstream: a link signed anew, maybe at another host or in
   * another region. Undefined: no credentials are left to ask with. Left out: there never were.
   * @param hasFailed its host could not be used, so that one in another region is better (X9); left out: it only expires
   * @throws UpstreamFailure where the upstream refuses, or can not be asked; the reason of `signal` when that aborts
   */
  renew?(signal: AbortSignal, hasFailed?: boolean): Promise<BlobSource | undefined>;
  /** What another process makes the same source of; left out: it can be had here alone. */
  readonly facts?: SourceFacts;
};
