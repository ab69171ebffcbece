import t, { type Test } from 'tap';
import { createEcrCredentials } from '../../../src/upstream/identity/ecr-credentials.ts';
import { type Answer, setEnvironment, startIdentityService } from './fixture.ts';

const SECRET = 'ecr-password-that-must-never-be-shown-anywhere-at-all';

async function open(t: Test, answer: Answer, registryId: string | null = null) {
  const service = await startIdentityService(t, () => answer);
  setEnvironment(t, {
    AWS_ENDPOINT_URL_ECR: service.origin,
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
  const fetchFresh = createEcrCredentials({ kind: 'awsEcr', region: 'eu-west-1', registryId }, () => 1000);
  return { ...service, get: () => fetchFresh(AbortSignal.timeout(10_000)) };
}

const authorizationToken = Buffer.from(`AWS:${SECRET}`).toString('base64');

t.test("an authorization token, by AWS's own SDK", async (t) => {
  const expiresAt = Math.floor(Date.now() / 1000) + 43_200;
  const { get, questions } = await open(
    t,
    { body: { authorizationData: [{ authorizationToken, expiresAt, proxyEndpoint: 'https://x' }] } },
    '123456789012',
  );
  t.same(await get(), { credentials: { username: 'AWS', password: SECRET }, expiresAt: expiresAt * 1000 });
  t.same(JSON.parse(questions[0]?.text ?? ''), { registryIds: ['123456789012'] });
});

t.test('without an end: twelve hours', async (t) => {
  const { get, questions } = await open(t, { body: { authorizationData: [{ authorizationToken }] } });
  t.equal((await get()).expiresAt, 1000 + 12 * 3_600_000);
  t.same(JSON.parse(questions[0]?.text ?? ''), {});
});

t.test('refusals and nonsense, without secrets', async (t) => {
  const denied = await open(t, {
    status: 400,
    body: {
      __type: 'AccessDeniedException',
      message: `User: arn:aws:iam::123456789012:user/x is not authorized to perform: ecr:GetAuthorizationToken ${SECRET}`,
    },
  });
  const failure = await denied.get().then(
    () => undefined,
    (error: unknown) => error,
  );
  t.match(failure, {
    message:
      /^upstream\.auth\.awsEcr: no token from ECR in eu-west-1 \(AccessDeniedException: .*not authorized to perform/,
  });
  t.notMatch(String(failure), SECRET);
  const none = await open(t, { body: { authorizationData: [] } });
  await t.rejects(none.get(), { message: 'upstream.auth.awsEcr: ECR gave no authorization token' });
});
