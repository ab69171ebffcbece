import { mock } from 'node:test';
import t from 'tap';
import { classifyFailure, UpstreamFailure } from '../../../src/upstream/failure.ts';
import { askInTurn, isRegionOutage, type Turn } from '../../../src/upstream/regional/ask-in-turn.ts';

type Said = 'ok' | '404' | '503' | 'refused' | 'stale' | '429' | 'forbidden';

const failure = () => new UpstreamFailure('connection_refused', 'registry', 'refused');

/** Members are named by what they say; the first letter of `home` marks home. */
async function ask(
  said: Readonly<Record<string, Said>>,
  options: { mayLag?: boolean; signal?: AbortSignal } = {},
): Promise<{ answer: string; asked: string[]; dropped: string[]; failovers: string[] }> {
  const asked: string[] = [];
  const dropped: string[] = [];
  const failovers: string[] = [];
  const turn: Turn<string, string> = {
    members: Object.keys(said),
    isAuthority: (member) => member === 'home',
    mayLag: () => options.mayLag ?? false,
    async ask(member) {
      asked.push(member);
      if (said[member] === 'refused') throw failure();
      return Promise.resolve(`${said[member]} ${member}`);
    },
    judge: (answer) => {
      if (answer.startsWith('404')) return 'not_found';
      if (answer.startsWith('503')) return 'outage';
      return answer.startsWith('stale') ? 'second_best' : 'final';
    },
    drop: async (answer) => void dropped.push(await Promise.resolve(answer)),
    onFailover: (from, reason) => failovers.push(`${from} ${reason}`),
    signal: options.signal ?? new AbortController().signal,
  };
  const answer = await askInTurn(turn).catch((error: unknown) =>
    error instanceof UpstreamFailure ? `failure ${error.kind}` : String(error),
  );
  return { answer, asked, dropped, failovers };
}

t.test('what the client is told, by what the regions say', async (t) => {
  const rows: [Readonly<Record<string, Said>>, boolean, string, string][] = [
    [{ home: 'ok', west: 'ok' }, false, 'ok home', 'home'],
    [{ home: '429', west: 'ok' }, false, '429 home', 'home'],
    [{ home: 'forbidden', west: 'ok' }, false, 'forbidden home', 'home'],
    [{ home: 'refused', west: 'ok' }, false, 'ok west', 'home west'],
    [{ home: '503', west: 'ok' }, false, 'ok west', 'home west'],
    [{ home: 'refused', west: 'refused' }, false, 'failure connection_refused', 'home west'],
    [{ home: '503', west: '503' }, false, '503 home', 'home west'],
    // A 404 is home's to say.
    [{ home: '404', west: 'ok' }, false, '404 home', 'home'],
    [{ west: '404', home: 'ok' }, false, 'ok home', 'west home'],
    [{ west: '404', home: '404', north: 'ok' }, false, '404 home', 'west home'],
    [{ west: '404', home: 'refused' }, false, 'failure connection_refused', 'west home'],
    [{ west: '404', home: '503' }, false, '503 home', 'west home'],
    [{ west: 'refused', home: '404' }, false, '404 home', 'west home'],
    // Not so soon after a push.
    [{ home: '404', west: 'ok' }, true, 'ok west', 'home west'],
    [{ home: '404', west: '404' }, true, '404 home', 'home west'],
    [{ home: '404', west: 'refused' }, true, '404 home', 'home west'],
    [{ home: 'refused', west: '404' }, true, 'failure connection_refused', 'home west'],
    // Storage that fails is better than none.
    [{ home: 'stale', west: 'ok' }, false, 'ok west', 'home west'],
    [{ home: 'stale', west: 'stale' }, false, 'stale home', 'home west'],
    [{ home: 'stale', west: 'refused' }, false, 'stale home', 'home west'],
    [{ west: 'stale', home: '404' }, false, 'stale west', 'west home'],
  ];
  for (const [said, mayLag, answer, asked] of rows) {
    const title = `${JSON.stringify(said)}${mayLag ? ' after a push' : ''}`;
    const result = await ask(said, { mayLag });
    t.equal(result.answer, answer, title);
    t.equal(result.asked.join(' '), asked, title);
    const given = Object.keys(said).filter(
      (member) => result.asked.includes(member) && said[member] !== 'refused',
    );
    t.same(
      [...result.dropped, answer].filter((one) => !one.startsWith('failure')).toSorted(),
      given.map((member) => `${said[member]} ${member}`).toSorted(),
      `${title}: every other answer is let go of, once`,
    );
  }
});

t.test('why each region was left', async (t) => {
  const { failovers } = await ask({ a: 'refused', b: '503', c: 'stale', d: '404', home: 'ok' });
  t.same(failovers, ['a outage', 'b outage', 'c storage', 'd not_found']);
});

t.test('a client that has left is asked for nowhere else', async (t) => {
  const { asked } = await ask({ home: 'refused', west: 'ok' }, { signal: AbortSignal.abort() });
  t.same(asked, ['home']);
});

t.test("the wait in Berth's own queue is no part of a region's eight seconds", async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const asked: string[] = [];
  const answer = await askInTurn<string, string>({
    members: ['home', 'west'],
    isAuthority: () => true,
    mayLag: () => false,
    async ask(member, signal, queueWait) {
      asked.push(member);
      mock.timers.tick(7000);
      queueWait?.began();
      mock.timers.tick(60_000);
      t.notOk(signal.aborted, 'it waits for its turn');
      queueWait?.ended();
      mock.timers.tick(7999);
      t.notOk(signal.aborted, 'its time began with its turn');
      if (member === 'west') return Promise.resolve('ok');
      mock.timers.tick(1);
      throw classifyFailure(signal.reason, 'registry');
    },
    judge: () => 'final',
    drop: () => Promise.resolve(),
    onFailover() {},
    signal: new AbortController().signal,
  });
  t.equal(answer, 'ok');
  t.same(asked, ['home', 'west']);
});

t.test("Berth's own limits and a 429 are no outage of a region", async (t) => {
  const row = (kind: ConstructorParameters<typeof UpstreamFailure>[0], status?: number) =>
    isRegionOutage(new UpstreamFailure(kind, 'registry', 'x', { status }));
  t.equal(row('connection_refused'), true);
  t.equal(row('connection_limit_reached'), true, 'a host whose connections are all in use');
  t.equal(row('connection_limit_reached', 503), false, 'the queue is full');
  t.equal(row('http_protocol_error', 429), false);
  t.equal(row('destination_unavailable', 503), true);
  t.equal(row('redirect_refused'), false);
  t.equal(isRegionOutage(new Error('x')), false);
});
