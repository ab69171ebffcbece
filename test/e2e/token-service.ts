import { createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { TestAuthority } from '../support/ca.ts';
import { HOSTS } from './hosts-file.ts';

/** Users of the run with their passwords. */
export const USERS = {
  alice: 'alice-e2e-password',
  bob: 'bob-e2e-password',
  pusher: 'pusher-e2e-password',
} as const;

export type TokenService = {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** JSON Web Key Set that the registry trusts. */
  readonly keySet: string;
  /** Method and target of every request so far. */
  readonly requests: readonly string[];
  close(): Promise<void>;
};

const KEY_ID = 'berth-e2e';
const ISSUER = 'berth-e2e';
/** Tokens outlive every case. */
const LIFETIME_SECONDS = 900;
const MAX_FORM_BYTES = 65_536;

/** `library/` and `public/` may be read by everybody, a folder of a user's name is that user's, and pusher may do all. */
function allowedActions(user: string | undefined, repository: string, wanted: readonly string[]): string[] {
  if (user === 'pusher') return [...wanted];
  if (user !== undefined && repository.startsWith(`${user}/`)) {
    return wanted.filter((action) => ['pull', 'push'].includes(action));
  }
  const isPublic = /^(library|public)\//.test(repository);
  return isPublic ? wanted.filter((action) => action === 'pull') : [];
}

function accessOf(user: string | undefined, scopes: readonly string[]) {
  return scopes.flatMap((scope) => {
    const [type = '', ...rest] = scope.split(':');
    const actions = (rest.pop() ?? '').split(',');
    const name = rest.join(':');
    if (type !== 'repository') return user === 'pusher' ? [{ type, name, actions }] : [];
    const allowed = allowedActions(user, name, actions);
    return allowed.length === 0 ? [] : [{ type, name, actions: allowed }];
  });
}

function sign(key: KeyObject, claims: object): string {
  const parts = [{ typ: 'JWT', alg: 'ES256', kid: KEY_ID }, claims];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const signature = createSign('sha256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_FORM_BYTES) throw new Error('form too long');
  }
  return new URLSearchParams(text);
}

type Caller = { readonly kind: 'ok'; readonly user: string | undefined } | { readonly kind: 'refused' };

function checkPassword(name: string, password: string): Caller {
  const known = new Map<string, string>(Object.entries(USERS));
  return known.get(name) === password ? { kind: 'ok', user: name } : { kind: 'refused' };
}

function callerOf(
  authorization: string | undefined,
  form: URLSearchParams,
  refreshTokens: Map<string, string>,
): Caller {
  const basic = /^Basic (.+)$/i.exec(authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [name = '', ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return checkPassword(name, password.join(':'));
  }
  const grant = form.get('grant_type');
  if (grant === 'password') return checkPassword(form.get('username') ?? '', form.get('password') ?? '');
  if (grant !== 'refresh_token') return { kind: 'ok', user: undefined };
  const user = refreshTokens.get(form.get('refresh_token') ?? '');
  return user === undefined ? { kind: 'refused' } : { kind: 'ok', user };
}

/**
 * A token service of the distribution kind (GET with Basic, POST form, refresh tokens), on a host of its own; `address`: where it
 * listens, when something else stands at the host's.
 */
export async function startTokenService(
  authority: TestAuthority,
  address: string = HOSTS.token.address,
): Promise<TokenService> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { name } = HOSTS.token;
  const service = HOSTS.upstream.name;
  const refreshTokens = new Map<string, string>();
  const requests: string[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    const url = new URL(request.url ?? '/', `https://${name}`);
    const form = request.method === 'POST' ? await readForm(request) : new URLSearchParams();
    const caller = callerOf(request.headers.authorization, form, refreshTokens);
    response.setHeader('content-type', 'application/json');
    if (caller.kind === 'refused') {
      response.statusCode = 401;
      response.setHeader('www-authenticate', 'Basic realm="e2e"');
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong user name or password"}]}');
      return;
    }
    const scopes = [...url.searchParams.getAll('scope'), ...form.getAll('scope')].flatMap((text) =>
      text.split(' '),
    );
    const now = Math.floor(Date.now() / 1000);
    const token = sign(privateKey, {
      iss: ISSUER,
      sub: caller.user ?? '',
      aud: service,
      iat: now,
      nbf: now - 10,
      exp: now + LIFETIME_SECONDS,
      jti: randomUUID(),
      access: accessOf(caller.user, scopes),
    });
    const offline = (form.get('access_type') ?? url.searchParams.get('offline_token')) !== null;
    const refreshToken = offline && caller.user !== undefined ? randomUUID() : undefined;
    if (refreshToken !== undefined && caller.user !== undefined) refreshTokens.set(refreshToken, caller.user);
    response.end(
      JSON.stringify({
        token,
        access_token: token,
        expires_in: LIFETIME_SECONDS,
        issued_at: new Date(now * 1000).toISOString(),
        ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
      }),
    );
  };
  const leaf = await authority.issue([name]);
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(443, address);
  await once(server, 'listening');
  return {
    realm: `https://${name}/token`,
    service,
    issuer: ISSUER,
    keySet: JSON.stringify({
      keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: 'ES256', use: 'sig' }],
    }),
    requests,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
