import type { UpstreamRequest } from './authorized-request.ts';
import type { CheckLocation } from './check-location.ts';
import { endBody } from './end-body.ts';
import type { Exchange, UpstreamResponse } from './exchange.ts';
import { isRedirect } from './is-redirect.ts';
import { locationFailure } from './location-failure.ts';
import { foreignHeaders } from './upstream-headers.ts';

/**
 * GET or HEAD that follows redirects: manifests, tags and referrers are answered by Berth whole. Credentials go with the
 * hops that stay at the registry and with no other.
 */
export function createFollow(deps: {
  readonly origin: string;
  readonly send: (request: UpstreamRequest) => Promise<UpstreamResponse>;
  readonly storage: Exchange;
  readonly check: CheckLocation;
}): (request: Omit<UpstreamRequest, 'body'>) => Promise<UpstreamResponse> {
  return async (request) => {
    let url = `${deps.origin}${request.path}`;
    let response = await deps.send(request);
    for (let hop = 0; isRedirect(response.status); hop += 1) {
      await endBody(response);
      const checked = deps.check(response.headers.location, url, hop);
      if (checked.kind === 'refused') throw locationFailure(checked, 'registry');
      url = checked.url;
      const { origin, path } = checked.target;
      response = checked.sameOrigin
        ? await deps.send({ ...request, path })
        : await deps.storage({
            method: request.method,
            origin,
            path,
            headers: foreignHeaders(request.headers ?? {}),
            signal: request.signal,
          });
    }
    return response;
  };
}
