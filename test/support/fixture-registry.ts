import { createServer as createHttpServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { TestAuthority } from './ca.ts';
import {
  type BlobDelivery,
  handleBlob,
  handleList,
  handleManifest,
  handleReferrers,
} from './fixture-content.ts';
import { answer, answerError, answerJson, type FixtureExchange } from './fixture-exchange.ts';
import { createFixtureStore, type FixtureStore } from './fixture-store.ts';
import {
  createFixtureTokenService,
  type FixtureAuth,
  type FixtureTokenService,
} from './fixture-token-service.ts';
import { createFixtureUploads, type FixtureUploads, type UploadLocation } from './fixture-uploads.ts';
import { closeServer, listen } from './server.ts';

export type FixtureRegistryOptions = {
  /** Left out: plain http. */
  readonly authority?: TestAuthority;
  /** Name without a port; it only resolves by `loopbackLookup`. Default: `contoso.azurecr.io`, over http 127.0.0.1. */
  readonly host?: string;
  /** Left out: everybody may do everything. */
  readonly auth?: FixtureAuth;
  readonly blobs?: BlobDelivery;
  readonly uploadLocation?: UploadLocation;
  /** Most entries of one page of tags or catalog. */
  readonly pageSize?: number;
};

export type FixtureEndpoint =
  | 'ping'
  | 'token'
  | 'catalog'
  | 'tags'
  | 'manifest'
  | 'referrers'
  | 'blob'
  | 'upload'
  | 'other';

export type SeenRequest = {
  readonly endpoint: FixtureEndpoint;
  readonly method: string;
  /** Raw request target, query included. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
};

export type FixtureRegistry = {
  readonly port: number;
  /** `<host>:<port>`; also the `service` of its tokens. */
  readonly host: string;
  /** Origin, without a trailing slash. */
  readonly url: string;
  readonly store: FixtureStore;
  /** Undefined without `auth`. */
  readonly tokens: FixtureTokenService | undefined;
  readonly uploads: FixtureUploads;
  /** Every request in the order of arrival; a test may empty it. */
  readonly requests: SeenRequest[];
  count(endpoint: FixtureEndpoint, method?: string): number;
  /** May be changed at any time. */
  blobs: BlobDelivery;
  /** Sees each request first; true says that it has answered (or means never to). */
  intercept:
    | ((exchange: FixtureExchange, endpoint: FixtureEndpoint) => boolean | Promise<boolean>)
    | undefined;
  close(): Promise<void>;
};

/** A small OCI registry with a token service, for tests: what it holds and what it saw can be looked at. */
export async function startFixtureRegistry(options: FixtureRegistryOptions = {}): Promise<FixtureRegistry> {
  const name = options.host ?? (options.authority ? 'contoso.azurecr.io' : '127.0.0.1');
  const tokenName = options.auth?.tokenHost ?? name;
  const server = await createServer(options.authority, [name, tokenName]);
  const port = await listen(server);
  const scheme = options.authority ? 'https' : 'http';
  const host = `${name}:${port}`;
  const url = `${scheme}://${host}`;
  const store = createFixtureStore();
  const uploads = createFixtureUploads(store, {
    origin: url,
    location: options.uploadLocation ?? 'relative',
  });
  const realm = `${scheme}://${tokenName}:${port}/oauth2/token`;
  const tokens = options.auth && createFixtureTokenService(options.auth, { service: host, realm });
  const pageSize = options.pageSize ?? 100;

  const registry: FixtureRegistry = {
    port,
    host,
    url,
    store,
    tokens,
    uploads,
    requests: [],
    count: (endpoint, method) =>
      registry.requests.filter(
        (seen) => seen.endpoint === endpoint && (method === undefined || seen.method === method),
      ).length,
    blobs: options.blobs ?? { kind: 'serve', ranges: 'all' },
    intercept: undefined,
    close: () => closeServer(server),
  };

  const handle = async (exchange: FixtureExchange): Promise<void> => {
    const { method, path, request } = exchange;
    const route = routeOf(path);
    registry.requests.push({
      endpoint: route.endpoint,
      method,
      target: request.url ?? '',
      headers: request.headers,
    });
    if (registry.intercept && (await registry.intercept(exchange, route.endpoint))) return;
    if (route.endpoint === 'token') {
      // A realm on another host is only served there: who forwards to the wrong one must notice.
      if (tokens && request.headers.host === `${tokenName}:${port}`) await tokens.handle(exchange);
      else answerError(exchange, 404, 'UNSUPPORTED');
      return;
    }
    const missing =
      tokens &&
      actionsOf(route, exchange, uploads).find(
        (action) => !tokens.allows(request.headers.authorization, action),
      );
    if (tokens && missing !== undefined) {
      answerError(exchange, 401, 'UNAUTHORIZED', { 'www-authenticate': tokens.challenge(missing) });
      return;
    }
    const { repository, item } = route;
    switch (route.endpoint) {
      case 'ping':
        return answerJson(exchange, 200, {});
      case 'catalog':
        return handleList(exchange, store.repositories(), pageSize, (page) => ({ repositories: page }));
      case 'tags':
        return handleList(exchange, store.tags(repository), pageSize, (tags) => ({ name: repository, tags }));
      case 'manifest':
        return handleManifest(exchange, store, repository, item);
      case 'referrers':
        return handleReferrers(exchange, store, repository, item);
      case 'blob':
        return handleBlob(exchange, store, registry.blobs, repository, item);
      case 'upload':
        if (item !== '') return uploads.handle(exchange, item);
        return method === 'POST' ? uploads.start(exchange, repository) : answer(exchange, 405, {});
      case 'other':
        return answerError(exchange, 404, 'UNSUPPORTED');
    }
  };

  server.on('request', (request, response) => {
    const [path = '', search = ''] = (request.url ?? '').split(/\?(.*)/s);
    const exchange = {
      request,
      response,
      method: request.method ?? '',
      path,
      query: new URLSearchParams(search),
    };
    // A client that goes away in the middle of a body is the test's business, not a failure of the fixture.
    handle(exchange).catch(() => response.destroy());
  });
  return registry;
}

async function createServer(authority: TestAuthority | undefined, names: [string, string]): Promise<Server> {
  if (!authority) return createHttpServer();
  const { cert, key } = await authority.issue([...names, 'localhost', '127.0.0.1']);
  return createHttpsServer({ cert, key });
}

type FixtureRoute = {
  readonly endpoint: FixtureEndpoint;
  readonly repository: string;
  readonly item: string;
};

function routeOf(path: string): FixtureRoute {
  if (path === '/v2/' || path === '/v2') return { endpoint: 'ping', repository: '', item: '' };
  if (path === '/v2/_catalog') return { endpoint: 'catalog', repository: '', item: '' };
  if (path === '/oauth2/token' || path === '/oauth2/exchange')
    return { endpoint: 'token', repository: '', item: '' };
  const session = /^\/sessions\/([^/]+)$/.exec(path)?.[1];
  if (session !== undefined) return { endpoint: 'upload', repository: '', item: session };
  const found = /^\/v2\/(.+?)\/(tags\/list|manifests|referrers|blobs\/uploads|blobs)(?:\/([^/]*))?$/.exec(
    path,
  );
  const [, repository = '', kind = '', item = ''] = found ?? [];
  const endpoints: Record<string, FixtureEndpoint> = {
    'tags/list': 'tags',
    manifests: 'manifest',
    referrers: 'referrers',
    'blobs/uploads': 'upload',
    blobs: 'blob',
  };
  return { endpoint: endpoints[kind] ?? 'other', repository, item: decodeURIComponent(item) };
}

function actionsOf(
  route: FixtureRoute,
  { method, query }: FixtureExchange,
  uploads: FixtureUploads,
): string[] {
  const repository = route.repository || uploads.repositoryOf(route.item);
  if (route.endpoint === 'catalog') return ['registry:catalog:*'];
  if (repository === undefined || repository === '') return [''];
  if (method === 'DELETE' && route.endpoint !== 'upload') return [`repository:${repository}:delete`];
  if (route.endpoint !== 'upload' && (method === 'GET' || method === 'HEAD'))
    return [`repository:${repository}:pull`];
  const from = query.get('from');
  const mount = from === null ? [] : [`repository:${from}:pull`];
  return [`repository:${repository}:push`, ...mount];
}
