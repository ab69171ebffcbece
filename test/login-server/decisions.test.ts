import t from 'tap';
import { createDecisions, type Verdict } from '../../src/login-server/decisions.ts';
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

/** A decision behind clocks that a test sets. */
function openClocked(stale?: { seconds: number }) {
  const clocks = { wall: 1_800_000_000_000, steady: 5_000 };
  const answers: (() => Verdict<string>)[] = [];
  let asked = 0;
  const decisions = createDecisions<string>({
    metrics: createMetrics(),
    now: () => clocks.wall,
    steady: () => clocks.steady,
  });
  return {
    clocks,
    answers,
    asked: () => asked,
    pass: (milliseconds: number) => {
      clocks.wall += milliseconds;
      clocks.steady += milliseconds;
    },
    decide: (authorization = 'Bearer one', readOnly = true) =>
      decisions.decide(
        {
          registry: 'contoso',
          repository: 'team/app',
          subject: 'blob sha256:aa',
          authorization,
          ttlSeconds: 60,
          readOnly,
          probe: undefined,
          ...(stale && { stale: { ...stale, usable: () => true } }),
          async ask() {
            asked += 1;
            return answers.shift()?.() ?? { kind: 'allowed', value: String(asked) };
          },
        },
        new AbortController().signal,
      ),
  };
}

const HOUR = 3_600_000;

t.test('a clock that is set neither lengthens nor shortens what is kept', async (t) => {
  for (const step of [-HOUR, HOUR]) {
    const { clocks, pass, decide, asked } = openClocked();
    await decide();
    clocks.wall += step;
    pass(59_999);
    await decide();
    t.equal(asked(), 1, `${step}: it is kept for its time`);
    pass(1);
    await decide();
    t.equal(asked(), 2, `${step}: and no longer`);
  }
});

t.test('nor the end of a token or a link, nor a refusal', async (t) => {
  for (const step of [-HOUR, HOUR]) {
    const { clocks, pass, decide, asked, answers } = openClocked();
    const claims = { exp: (clocks.wall + 10_000) / 1000 };
    const token = `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
    await decide(token);
    answers.push(() => ({ kind: 'allowed', value: 'link', usableUntil: clocks.wall + 10_000 }));
    await decide('Bearer two');
    answers.push(() => ({ kind: 'refused', status: 403, value: 'no' }));
    await decide('Bearer three');
    clocks.wall += step;
    pass(4_999);
    for (const caller of [token, 'Bearer two', 'Bearer three']) await decide(caller);
    t.equal(asked(), 3);
    pass(1);
    await decide('Bearer three');
    t.equal(asked(), 4, 'the refusal is over');
    pass(5_000);
    for (const caller of [token, 'Bearer two']) await decide(caller);
    t.equal(asked(), 6, 'and what the token and the link were good for');
  }
});

t.test('nor what stands in for an upstream that can not be asked, whose age is told rightly', async (t) => {
  for (const step of [-HOUR, HOUR]) {
    const { clocks, pass, decide, answers } = openClocked({ seconds: 300 });
    await decide();
    clocks.wall += step;
    pass(200_000);
    answers.push(() => ({ kind: 'refused', status: 503, value: 'busy' }));
    const stale = await decide();
    t.match(stale, { kind: 'allowed', value: '1', staleSince: clocks.wall - 200_000 });
    pass(5_000);
    answers.push(() => ({ kind: 'refused', status: 503, value: 'busy' }));
    t.match(
      await decide(),
      { staleSince: clocks.wall - 205_000 },
      'the upstream is asked again, and fails again',
    );
    t.equal(answers.length, 0);
    pass(95_000);
    answers.push(() => ({ kind: 'refused', status: 503, value: 'busy' }));
    t.match(await decide(), { kind: 'refused' });
  }
});

t.test('nor what another replica was told', async (t) => {
  const clocks = { wall: 1_800_000_000_000, steady: 5_000 };
  let looks = 0;
  const decisions = createDecisions<string>({
    metrics: createMetrics(),
    now: () => clocks.wall,
    steady: () => clocks.steady,
    shared: {
      async look() {
        looks += 1;
        const caller = looks === 1 ? { value: 'there', until: clocks.wall + 30_000 } : undefined;
        return { epoch: '1', caller, open: undefined };
      },
      keep: async () => undefined,
      forget: async () => undefined,
    },
  });
  let asked = 0;
  const decide = () =>
    decisions.decide(
      {
        registry: 'contoso',
        repository: 'team/app',
        subject: 'blob sha256:aa',
        authorization: 'Bearer one',
        ttlSeconds: 60,
        readOnly: true,
        probe: undefined,
        async ask() {
          asked += 1;
          return { kind: 'allowed', value: 'asked' };
        },
      },
      new AbortController().signal,
    );
  await decide();
  clocks.wall -= HOUR;
  clocks.steady += 29_999;
  await decide();
  t.equal(asked, 0);
  clocks.steady += 1;
  await decide();
  t.equal(asked, 1);
});

t.test(
  'what is known here is known at once: to whom it was said, or to everybody, until a write',
  async (t) => {
    const metrics = createMetrics();
    const decisions = createDecisions<string>({ metrics });
    const subject = {
      registry: 'contoso',
      repository: 'team/app',
      subject: 'manifest sha256:aa',
      authorization: 'Bearer one',
    };
    const say = async (value: string): Promise<Verdict<string>> => ({ kind: 'allowed', value });
    const question = { ...subject, ttlSeconds: 60, readOnly: true, ask: () => say('own') };
    const { signal } = new AbortController();
    t.equal(decisions.known(decisions.name(subject, false)), undefined);

    await decisions.decide({ ...question, probe: undefined }, signal);
    t.strictSame(decisions.known(decisions.name(subject, false)), { kind: 'allowed', value: 'own' });
    for (const other of [
      { authorization: 'Bearer two' },
      { authorization: undefined },
      { subject: 'manifest sha256:bb' },
      { repository: 'team/other' },
      { registry: 'fabrikam' },
    ]) {
      t.equal(decisions.known(decisions.name({ ...subject, ...other }, true)), undefined);
    }

    const open = { ...question, repository: 'public/app' };
    await decisions.decide({ ...open, probe: () => say('open') }, signal);
    const stranger = { ...subject, repository: 'public/app', authorization: 'Bearer two' };
    t.strictSame(decisions.known(decisions.name(stranger, true)), {
      kind: 'allowed',
      value: 'open',
      isPublic: true,
    });
    t.equal(decisions.known(decisions.name(stranger, false)), undefined, 'where nobody asks for everybody');

    await decisions.forget('contoso', 'team/app');
    t.equal(decisions.known(decisions.name(subject, false)), undefined);
    t.equal(await metrics.authorizationDecisions.value({ result: 'hit' }), 1);
  },
);

t.test('nothing is known at once where another replica may know of a write', async (t) => {
  let epoch: string | undefined;
  const decisions = createDecisions<string>({
    metrics: createMetrics(),
    shared: {
      epochNow: () => epoch,
      look: async () => ({ epoch: '1', caller: undefined, open: undefined }),
      keep: async () => undefined,
      forget: async () => undefined,
    },
  });
  const subject = { registry: 'contoso', repository: 'team/app', subject: 'tag a', authorization: undefined };
  const ask = async (): Promise<Verdict<string>> => ({ kind: 'allowed', value: 'own' });
  const question = { ...subject, ttlSeconds: 60, readOnly: true, probe: undefined, ask };
  await decisions.decide(question, new AbortController().signal);
  t.equal(decisions.known(decisions.name(subject, false)), undefined, 'it can not tell');
  epoch = '2';
  t.equal(decisions.known(decisions.name(subject, false)), undefined, 'something was written');
  epoch = '1';
  t.strictSame(decisions.known(decisions.name(subject, false)), { kind: 'allowed', value: 'own' });
});

t.test('what another replica knew before a write here is not kept beyond it', async (t) => {
  const looked = Promise.withResolvers<void>();
  let looks = 0;
  let asked = 0;
  const decisions = createDecisions<string>({
    metrics: createMetrics(),
    shared: {
      async look() {
        looks += 1;
        // Later it can not be asked.
        if (looks > 1) return undefined;
        await looked.promise;
        return { epoch: '1', caller: { value: 'before', until: Date.now() + 60_000 }, open: undefined };
      },
      keep: async () => undefined,
      forget: async () => undefined,
    },
  });
  const question = {
    registry: 'contoso',
    repository: 'team/app',
    subject: 'blob sha256:aa',
    authorization: 'Bearer one',
    ttlSeconds: 60,
    readOnly: false,
    probe: undefined,
    async ask(): Promise<Verdict<string>> {
      asked += 1;
      return { kind: 'allowed', value: 'after' };
    },
  };
  const { signal } = new AbortController();
  const early = decisions.decide(question, signal);
  const written = decisions.forget('contoso', 'team/app', { registry: 'contoso', rules: '' });
  looked.resolve();
  await Promise.all([early, written]);
  t.match(await decisions.decide(question, signal), { kind: 'allowed', value: 'after' });
  t.equal(asked, 1);
});
