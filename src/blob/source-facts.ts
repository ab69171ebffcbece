import type { BlobSourceRef } from '../ticket/ticket.ts';
import type { BlobSource } from './blob-source.ts';
import { type BlobSourceDeps, createBlobSource } from './create-blob-source.ts';
import { createRenewSource, type RenewalDeps, type RenewalFacts } from './renew-source.ts';

/**
 * A source as plain data, so that a process other than the one that was asked can fetch the blob. It holds what must not be
 * written anywhere: a signed link, and credentials.
 */
export type SourceFacts = {
  readonly ref: BlobSourceRef;
  /** For a source at the registry itself. */
  readonly authorization: string | undefined;
  /** Undefined: there is nothing to ask the upstream with for a fresh one. */
  readonly renewal: RenewalFacts | undefined;
};

/** @throws UpstreamFailure as `createBlobSource` */
export function openSource(
  { ref, authorization, renewal }: SourceFacts,
  deps: BlobSourceDeps & RenewalDeps,
): BlobSource {
  const renew = renewal && createRenewSource(renewal.blob, renewal.credentials, deps);
  return createBlobSource(ref, authorization, deps, renew);
}
