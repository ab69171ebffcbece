import { randomBytes } from 'node:crypto';
import { answerJson, type FixtureExchange, readBody } from './fixture-exchange.ts';

export type FixtureUser = {
  readonly name: string;
  readonly password: string;
  /** Repositories with every action; `*` is all. */
  readonly repositories: readonly string[];
};

export type FixtureAuth = {
  readonly kind: 'bearer' | 'basic';
  readonly users?: readonly FixtureUser[];
  /** Repositories that everybody may pull; `*` is all. */
  readonly publicRepositories?: readonly string[];
  /** Name of another host for the realm, as Docker Hub has it; it is served by the same port. */
  readonly tokenHost?: string;
  /** Life of a token in seconds. */
  readonly expiresInSeconds?: number;
  /** `token`, `access_token` and their times, or ACR's bare `access_token`. */
  readonly tokenAnswer?: 'docker' | 'acr';
  /** Makes a token at least this long (bytes). */
  readonly tokenBytes?: number;
};

type Grant = {
  readonly user: FixtureUser | undefined;
  readonly access: ReadonlySet<string>;
  readonly endsAt: number;
};

export type FixtureTokenService = {
  /** Whether the request's credentials hold the action (`repository:<name>:pull`); '' is a bare ping. */
  allows(authorization: string | undefined, action: string): boolean;
  /** The value of WWW-Authenticate for the action that was missing. */
  challenge(action: string): string;
  /** Answers `/oauth2/token` and `/oauth2/exchange`. */
  handle(exchange: FixtureExchange): Promise<void>;
  /** Every token given out so far stops to work. */
  revokeAll(): void;
};

/** The docker token service and ACR's, as far as clients use them; users and tokens live in memory. */
export function createFixtureTokenService(
  auth: FixtureAuth,
  where: { readonly service: string; readonly realm: string },
): FixtureTokenService {
  const grants = new Map<string, Grant>();
  const refreshTokens = new Map<string, FixtureUser>();
  const lifeSeconds = auth.expiresInSeconds ?? 300;

  const mayDo = (user: FixtureUser | undefined, action: string): boolean => {
    const [, type, name = '', verb] = /^([^:]+):(.+):([^:]+)$/.exec(action) ?? [];
    if (type === 'registry') return user?.repositories.includes('*') ?? false;
    if (user && holds(user.repositories, name)) return true;
    return verb === 'pull' && holds(auth.publicRepositories ?? [], name);
  };
  const basicUser = (authorization: string | undefined): FixtureUser | undefined => {
    const encoded = /^Basic (.+)$/i.exec(authorization ?? '')?.[1];
    if (encoded === undefined) return undefined;
    const [name, ...password] = Buffer.from(encoded, 'base64').toString().split(':');
    return auth.users?.find((user) => user.name === name && user.password === password.join(':'));
  };
  const newToken = () => randomBytes(Math.ceil(((auth.tokenBytes ?? 64) * 3) / 4)).toString('base64url');

  const issue = (exchange: FixtureExchange, user: FixtureUser | undefined, form: URLSearchParams) => {
    const actions = form
      .getAll('scope')
      .flatMap((scopes) => scopes.split(' '))
      .flatMap((scope) => {
        const [, resource = '', verbs = ''] = /^(.+):([^:]*)$/.exec(scope) ?? [];
        return verbs.split(',').map((verb) => `${resource}:${verb}`);
      });
    const token = newToken();
    const access = new Set(actions.filter((action) => mayDo(user, action)));
    grants.set(token, { user, access, endsAt: Date.now() + lifeSeconds * 1000 });
    if (auth.tokenAnswer === 'acr') {
      answerJson(exchange, 200, { access_token: token });
      return;
    }
    const wantsRefresh = form.get('offline_token') === 'true' || form.get('access_type') === 'offline';
    const refreshToken = user && wantsRefresh ? { refresh_token: newRefreshToken(user) } : {};
    const times = { expires_in: lifeSeconds, issued_at: new Date().toISOString() };
    answerJson(exchange, 200, { token, access_token: token, ...times, ...refreshToken });
  };
  const newRefreshToken = (user: FixtureUser): string => {
    const token = newToken();
    refreshTokens.set(token, user);
    return token;
  };

  const userOf = (form: URLSearchParams): FixtureUser | undefined => {
    const kind = form.get('grant_type');
    if (kind === 'refresh_token') return refreshTokens.get(form.get('refresh_token') ?? '');
    if (kind === 'access_token') {
      return auth.users?.find((user) => form.get('access_token') === `entra-${user.name}`);
    }
    return auth.users?.find(
      (user) => user.name === form.get('username') && user.password === form.get('password'),
    );
  };

  return {
    allows(authorization, action) {
      if (auth.kind === 'basic') {
        const user = basicUser(authorization);
        return action === '' ? user !== undefined : mayDo(user, action);
      }
      const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
      const grant = token === undefined ? undefined : grants.get(token);
      if (!grant || grant.endsAt <= Date.now()) return false;
      return action === '' || grant.access.has(action);
    },
    challenge(action) {
      if (auth.kind === 'basic') return `Basic realm="${where.service}"`;
      const scope = action === '' ? '' : `,scope="${action}"`;
      return `Bearer realm="${where.realm}",service="${where.service}"${scope}`;
    },
    async handle(exchange) {
      const posted = exchange.method === 'POST';
      const form = posted
        ? new URLSearchParams((await readBody(exchange.request)).toString())
        : exchange.query;
      // A token's audience is the upstream's own name: a proxy that rewrites `service` must fail here.
      if (form.get('service') !== where.service) {
        refuse(exchange, 400, 'unknown service');
        return;
      }
      if (posted) {
        const user = userOf(form);
        if (!user) refuse(exchange, 401, 'unknown user or token');
        else if (exchange.path === '/oauth2/exchange') {
          answerJson(exchange, 200, { refresh_token: newRefreshToken(user) });
        } else issue(exchange, user, form);
        return;
      }
      const authorization = exchange.request.headers.authorization;
      const user = basicUser(authorization);
      if (authorization !== undefined && !user) refuse(exchange, 401, 'wrong user name or password');
      else issue(exchange, user, form);
    },
    revokeAll() {
      grants.clear();
    },
  };
}

function holds(list: readonly string[], repository: string): boolean {
  return list.includes('*') || list.includes(repository);
}

function refuse(exchange: FixtureExchange, status: number, why: string): void {
  answerJson(exchange, status, { errors: [{ code: 'UNAUTHORIZED', message: why }] });
}
