import t from 'tap';
import { createDecisions } from '../../src/login-server/decisions.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';

t.test('what another replica was told for everybody is for everybody here, too', async (t) => {
  const never = async () => t.fail('the upstream is asked') as never;
  const decisions = createDecisions<string>({
    metrics: createMetrics(),
    shared: {
      look: async () => ({
        epoch: '1',
        caller: undefined,
        open: { value: 'there', until: Date.now() + 60_000 },
      }),
      keep: async () => undefined,
      forget: async () => undefined,
    },
  });
  const question = {
    registry: 'contoso',
    repository: 'library/app',
    subject: 'blob sha256:aa',
    authorization: 'Bearer one',
    ttlSeconds: 60,
    readOnly: true,
    probe: never,
    ask: never,
  };
  // The second finds it here.
  for (const turn of ['shared', 'kept']) {
    const verdict = await decisions.decide(question, new AbortController().signal);
    t.strictSame(verdict, { kind: 'allowed', value: 'there', isPublic: true }, turn);
  }
});
