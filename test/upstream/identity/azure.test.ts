import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { IdentityAuth } from '../../../src/config/config.ts';
import { createMetrics } from '../../../src/metrics/metrics.ts';
import { createUpstreamRegistry } from '../../../src/upstream/upstream-registry.ts';
import { testRegistry } from '../../support/berth.ts';
import { loopbackLookup } from '../../support/lookup.ts';
import { type Answer, type Question, setEnvironment, startIdentityService } from './fixture.ts';

const ENTRA_TOKEN = 'entra-access-token-that-must-never-be-shown-anywhere';
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const CLIENT = '11111111-2222-3333-4444-555555555555';

/** A JWT with nothing but an end, in an hour. */
const refreshToken = `h.${Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + 3600 })).toString('base64url')}.s`;

type Faults = { entra?: Answer; exchange?: Answer };

/** Entra and ACR as one https service, and an upstream registry that has such an identity. */
async function open(
  t: Test,
  auth: IdentityAuth,
  faults: Faults = {},
  environment: Record<string, string> = {},
) {
  const service = await startIdentityService(t, (question) => answer(question));
  const { origin } = service;
  const host = new URL(origin).host;
  function answer({ path, form }: Question): Answer {
    if (path.includes('/.well-known/openid-configuration')) {
      const issuer = `${origin}/${TENANT}/v2.0`;
      const endpoint = `${origin}/${TENANT}/oauth2/v2.0`;
      return {
        body: {
          issuer,
          token_endpoint: `${endpoint}/token`,
          authorization_endpoint: `${endpoint}/authorize`,
          jwks_uri: `${endpoint}/keys`,
        },
      };
    }
    if (path.includes('/oauth2/v2.0/token')) {
      return faults.entra ?? { body: { token_type: 'Bearer', expires_in: 3600, access_token: ENTRA_TOKEN } };
    }
    if (path.startsWith('/msi/token')) {
      return {
        body: {
          access_token: ENTRA_TOKEN,
          expires_on: Math.floor(Date.now() / 1000) + 3600,
          resource: 'r',
          token_type: 'Bearer',
        },
      };
    }
    if (path === '/oauth2/exchange') return faults.exchange ?? { body: { refresh_token: refreshToken } };
    if (path === '/v2/') {
      const challenge = `Bearer realm="${origin}/oauth2/token",service="${host}"`;
      return { status: 401, body: {}, headers: { 'www-authenticate': challenge } };
    }
    if (path === '/oauth2/token')
      return { body: { access_token: `for ${form.get('scope')}`.replaceAll(' ', '-') } };
    return { status: 404, body: {} };
  }
  setEnvironment(t, { AZURE_AUTHORITY_HOST: origin, ...environment });
  const metrics = createMetrics();
  const registry = testRegistry({ upstream: { url: origin, auth, caFile: service.caFile } });
  const upstream = createUpstreamRegistry(registry, {
    limits: { upstreamConnections: 4, tokenBytes: 65_536 },
    timeouts: { connectSeconds: 5, headersSeconds: 5, commitSeconds: 5, idleSeconds: 5 },
    metrics,
    lookup: loopbackLookup,
    authorities: service.ca,
  });
  t.teardown(() => upstream.close());
  return { service, upstream, metrics, host, answer };
}

async function bearer({ upstream }: Awaited<ReturnType<typeof open>>): Promise<string | undefined> {
  return upstream.ownAuthorization('/v2/team/app/manifests/1', AbortSignal.timeout(10_000));
}

function workload(
  overrides: Partial<Extract<IdentityAuth, { kind: 'azureWorkloadIdentity' }>> = {},
): IdentityAuth {
  return {
    kind: 'azureWorkloadIdentity',
    clientId: CLIENT,
    tenantId: TENANT,
    tokenFile: null,
    authority: null,
    ...overrides,
  };
}

function federatedToken(t: Test): string {
  const file = join(t.testdir({}), 'token');
  writeFileSync(file, 'federated-token');
  return file;
}

t.test('workload identity: Entra, then ACR, then a token of its own per scope', async (t) => {
  const tokenFile = federatedToken(t);
  const opened = await open(t, workload({ tokenFile }));
  t.equal(await bearer(opened), 'Bearer for-repository:team/app:pull');
  const { questions } = opened.service;
  const assertion = questions.find(({ path }) => path.includes('/oauth2/v2.0/token'))?.form;
  t.equal(assertion?.get('client_assertion'), 'federated-token');
  t.equal(assertion?.get('client_id'), CLIENT);
  t.match(assertion?.get('scope'), /containerregistry\.azure\.net\/\.default/);
  const exchange = questions.find(({ path }) => path === '/oauth2/exchange')?.form;
  t.equal(exchange?.get('access_token'), ENTRA_TOKEN);
  t.equal(exchange?.get('grant_type'), 'access_token');
  t.equal(exchange?.get('service'), opened.host);
  const token = questions.find(({ path }) => path === '/oauth2/token')?.form;
  t.equal(token?.get('grant_type'), 'refresh_token');
  t.equal(token?.get('refresh_token'), refreshToken);
  const before = questions.length;
  t.equal(await bearer(opened), 'Bearer for-repository:team/app:pull');
  t.equal(questions.length, before, 'nothing is asked twice');
  t.match(
    await opened.metrics.text(),
    /berth_identity_refreshes_total\{identity="azure_workload_identity",result="ok"\} 1/,
  );
});

t.test('what the file leaves out comes from the environment, as AKS sets it', async (t) => {
  const opened = await open(
    t,
    workload({ clientId: null, tenantId: null }),
    {},
    {
      AZURE_CLIENT_ID: CLIENT,
      AZURE_TENANT_ID: TENANT,
      AZURE_FEDERATED_TOKEN_FILE: federatedToken(t),
    },
  );
  t.equal(await bearer(opened), 'Bearer for-repository:team/app:pull');
});

t.test('managed identity', async (t) => {
  const service = await open(t, { kind: 'azureManagedIdentity', clientId: null });
  // As App Service and Container Apps tell where to ask.
  setEnvironment(t, { IDENTITY_ENDPOINT: `${service.service.origin}/msi/token`, IDENTITY_HEADER: 'h' });
  t.equal(await bearer(service), 'Bearer for-repository:team/app:pull');
  t.ok(service.service.questions.some(({ path }) => path.startsWith('/msi/token')));
});

for (const [why, faults, message] of [
  [
    'no role',
    { exchange: { status: 401, body: {} } },
    /does not take this identity \(401\): give it the role AcrPull/,
  ],
  ['no token', { exchange: { body: {} } }, /gave no refresh token: is it ACR\?/],
  ['an error', { exchange: { status: 500, body: {} } }, /oauth2\/exchange answered 500/],
  [
    'refused by Entra',
    {
      entra: {
        status: 400,
        body: {
          error: 'invalid_client',
          error_description: `AADSTS700213: No matching federated identity record ${ENTRA_TOKEN}`,
        },
      },
    },
    /upstream\.auth\.azureWorkloadIdentity: no Entra token \(.*AADSTS700213/,
  ],
] as const) {
  t.test(`refusals are told with what to do, and without secrets: ${why}`, async (t) => {
    const opened = await open(t, workload({ tokenFile: federatedToken(t) }), faults);
    const failure = await bearer(opened).then(
      () => undefined,
      (error: unknown) => error,
    );
    t.match(failure, { message });
    t.notMatch(String(failure), ENTRA_TOKEN);
    t.match(await opened.metrics.text(), /identity="azure_workload_identity",result="failed"\} 1/);
  });
}

t.test('a federated token that is not there', async (t) => {
  const opened = await open(t, workload({ tokenFile: join(t.testdir({}), 'none') }));
  await t.rejects(bearer(opened), { message: /no Entra token \(.*ENOENT/ });
});
