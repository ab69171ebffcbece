import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { CheckedLocation } from './check-location.ts';

/** What is sent upstream; hop-by-hop fields, Host and Authorization are left out of `headers` in any case. */
export type UpstreamRequest = {
  readonly method: string;
  /** Raw path and query, sent byte for byte; or an absolute URL (an upload's Location), which is checked first. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
  readonly body?: Readable | Buffer | undefined;
  /** The caller's Authorization value; replaced by Berth's own where `upstream.auth` is set. */
  readonly authorization?: string | undefined;
  readonly signal: AbortSignal;
};

/** Whoever gets one owes the body: read it to its end, `dump()` or `destroy()` it. */
export type UpstreamResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable & { dump(): Promise<void> };
};

/** Where a blob's bytes are. */
export type BlobLocation =
  /** At another host, which needs no credentials (a signed URL). */
  | {
      readonly kind: 'storage';
      /** Byte for byte as the registry wrote it. */
      readonly url: string;
      readonly host: string;
      /** Unix seconds; undefined where the URL does not tell. */
      readonly expiresAt: number | undefined;
      readonly size: number | undefined;
    }
  /** At the registry itself, with the same credentials. */
  | { readonly kind: 'registry'; readonly url: string; readonly size: number | undefined }
  /** Neither: the registry's own answer, to be passed on. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    };

/** What the upstream's `GET /v2/` asks for. */
export type Realm =
  | {
      readonly kind: 'bearer';
      /** The token service, checked; as the challenge names it. */
      readonly url: string;
      readonly service: string | undefined;
    }
  | { readonly kind: 'basic' }
  | { readonly kind: 'none' };

export type TokenRequest = {
  readonly path: '/oauth2/token' | '/oauth2/exchange';
  readonly method: 'GET' | 'POST';
  /** The client's raw query, without `?`. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
};

export type TokenAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  /** The upstream asks for no tokens (no challenge, or Basic). */
  | { readonly kind: 'no_token_service' };

/**
 * One upstream registry. Every method rejects with `UpstreamFailure` when the upstream can not be asked or does not
 * answer; a status of the upstream's own, 429 and 5xx included, is an answer.
 */
export type UpstreamRegistry = {
  /** `scheme://host` of the upstream. */
  readonly origin: string;
  /** One request; a redirect is an answer like any other. */
  request(request: UpstreamRequest): Promise<UpstreamResponse>;
  /** GET or HEAD of a manifest, tags or referrers: follows at most three redirects, each checked. */
  follow(request: Omit<UpstreamRequest, 'body'>): Promise<UpstreamResponse>;
  /** Asks with `Range: bytes=0-0` and without opening the body (docs/adr/0006-upstream.md). */
  locateBlob(question: {
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly authorization: string | undefined;
    readonly signal: AbortSignal;
  }): Promise<BlobLocation>;
  realm(signal: AbortSignal): Promise<Realm>;
  tokenRequest(request: TokenRequest): Promise<TokenAnswer>;
  /** What an anonymous caller would send to pull from the repository; undefined: nothing, or no token is given out. */
  anonymousAuthorization(repository: RepositoryName, signal: AbortSignal): Promise<string | undefined>;
  /** Berth's own Authorization for a GET of this path (`upstream.auth`); undefined where there is none. For transfers. */
  ownAuthorization(path: string, signal: AbortSignal): Promise<string | undefined>;
  /** The rules of this registry, for whoever meets a redirect (a transfer from storage). */
  checkLocation(location: string | readonly string[] | undefined, base: string | URL): CheckedLocation;
  /** For blob bytes: the registry's own as well as storage's. */
  readonly storage: Dispatcher;
  close(): Promise<void>;
};
