import type { Readable } from 'node:stream';
import type { RepositoryName } from '../oci/repository-name.ts';
import { endBody } from './end-body.ts';
import type { Exchange, QueueWait, UpstreamResponse } from './exchange.ts';
import { classifyFailure } from './failure.ts';
import type { OwnAuthorization } from './own-authorization.ts';
import { tokenScope } from './token-scope.ts';
import { registryHeaders } from './upstream-headers.ts';

/** What is sent upstream; hop-by-hop fields, Host, Cookie and Authorization are left out of `headers` in any case. */
export type UpstreamRequest = {
  readonly method: string;
  /** Raw path and query, sent byte for byte. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
  readonly body?: Readable | Buffer | undefined;
  /** The caller's Authorization value; replaced by Berth's own where `upstream.auth` is set. */
  readonly authorization?: string | undefined;
  /** Whose scope own credentials are asked for, where the path does not tell (an upload outside `/v2/`). */
  readonly repository?: RepositoryName | undefined;
  /** The client, for its turn in the queue; undefined: nobody's in particular. */
  readonly client?: string | undefined;
  /** The region to ask first, where there are several; undefined: home. */
  readonly region?: string | undefined;
  readonly queueWait?: QueueWait | undefined;
  readonly signal: AbortSignal;
};

export type AuthorizedRequestDeps = {
  readonly origin: string;
  readonly registry: Exchange;
  readonly own: OwnAuthorization | undefined;
};

/** Sends one request to the registry, with the caller's authorization or Berth's own; no redirect is followed. */
export function createAuthorizedRequest(
  deps: AuthorizedRequestDeps,
): (request: UpstreamRequest) => Promise<UpstreamResponse> {
  const { own } = deps;

  async function authorized(request: UpstreamRequest): Promise<UpstreamResponse> {
    const send = (authorization: string | undefined): Promise<UpstreamResponse> =>
      deps.registry({
        method: request.method,
        origin: deps.origin,
        path: request.path,
        headers: registryHeaders(request.headers ?? {}, {
          authorization,
          hasBody: request.body !== undefined,
        }),
        body: request.body,
        client: request.client,
        queueWait: request.queueWait,
        signal: request.signal,
      });
    if (own === undefined) return send(request.authorization);
    const scope = tokenScope(request.method, request.path) ?? uploadScope(request.repository);
    const authorization = await own.forScope(scope, request.signal);
    const response = await send(authorization);
    // A stream is spent with the first try.
    if (response.status !== 401 || (request.body !== undefined && !Buffer.isBuffer(request.body)))
      return response;
    const fresh = await own.renew(scope, { authorization, headers: response.headers }, request.signal);
    if (fresh === undefined) return response;
    await endBody(response);
    return send(fresh);
  }

  return async (request) => {
    try {
      return await authorized(request);
    } catch (error) {
      throw classifyFailure(error, 'registry');
    }
  };
}

function uploadScope(repository: RepositoryName | undefined): string | undefined {
  return repository === undefined ? undefined : `repository:${repository}:pull,push`;
}
