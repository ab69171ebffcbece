import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';

/** Where a blob's bytes come from. The URL keeps the bytes in which the upstream gave it. */
export type BlobSourceRef =
  /** A signed URL at a storage host; `expiresAt` in Unix seconds, undefined where the URL does not tell. */
  | { readonly kind: 'storage'; readonly url: string; readonly expiresAt: number | undefined }
  /** The upstream registry itself answers 200: credentials are needed at each request. */
  | { readonly kind: 'registry'; readonly url: string };

/**
 * The leave to fetch one blob of one repository at one data endpoint, until `expiresAt`. It is the query of a
 * data-endpoint URL (`sealTicket`, `openTicket`) and holds all that a replica needs to serve the blob.
 */
export type Ticket = {
  /** The registry's name in the configuration. */
  readonly registry: string;
  /** The host the client came by, which may be an alias: where it goes for a new ticket. */
  readonly loginServer: string;
  /** Host[:port], lower case, as `parseHost` gives it. */
  readonly dataEndpoint: string;
  readonly region: string;
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** Bytes of the whole blob, where the upstream told. */
  readonly size: number | undefined;
  readonly source: BlobSourceRef;
  /** The client's bearer token alone, without its auth-scheme; never Basic credentials. */
  readonly bearer: string | undefined;
  /** Unix seconds; the ticket is refused from this second on. */
  readonly expiresAt: number;
};
