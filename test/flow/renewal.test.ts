import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTicket } from '../../src/ticket/open-ticket.ts';
import { MAX_BEARER_BYTES } from '../../src/ticket/seal-ticket.ts';
import type { Ticket } from '../../src/ticket/ticket.ts';
import { until } from '../support/until.ts';
import { basic, bearerOf, USERS } from './callers.ts';
import { openResumeScene, type ResumeScene } from './resuming.ts';
import { accessLine, REPOSITORY, type SceneOptions } from './scene.ts';

const MIDDLE = 900_000;
const PRIVATE = { kind: 'bearer', users: USERS, publicRepositories: [] } as const;
const ASKED = { authorizationTtlSeconds: 0 };
const soon = (seconds = 600): Date => new Date(Date.now() + seconds * 1000);

/** What Berth itself reads in a link. */
function ticketOf({ berth }: ResumeScene, url: string): Ticket {
  const { host, search } = new URL(url);
  const where = { dataEndpoint: host, registry: 'contoso' };
  const opened = openTicket(berth.ticketKeys, search, where, Math.floor(Date.now() / 1000));
  if (opened.kind === 'refused') throw new Error(opened.reason);
  return opened.ticket;
}

/** The registry's links from now on are short, and each is of a signature of its own; the last one is refused amid the body. */
function expireAmid(scene: ResumeScene, seconds = 600): void {
  const { one, links } = scene;
  one.refused.clear();
  let count = 0;
  let last = '';
  links.next = () => {
    last = `s${(count += 1)}`;
    return one.url(last, soon(seconds));
  };
  one.acts.push({ endsAt: MIDDLE, sent: () => one.refused.add(last) });
}

async function openOwnScene(t: Test, options: SceneOptions = {}): Promise<ResumeScene> {
  const file = join(t.testdir({ credentials: 'berth:own:secret\n' }), 'credentials');
  await chmod(file, 0o600);
  return openResumeScene(t, {
    auth: { ...PRIVATE, users: [{ name: 'berth', password: 'own:secret', repositories: ['*'] }] },
    ...options,
    registry: {
      ...ASKED,
      clients: { anonymous: true, htpasswdFile: null, mtls: false, networks: [] },
      ...options.registry,
    },
    upstream: { auth: { kind: 'file', file } },
  });
}

t.test('E3 with the token in the ticket', async (t) => {
  const scene = await openResumeScene(t, { auth: PRIVATE, registry: ASKED });
  expireAmid(scene);
  const authorization = await bearerOf(scene, { authorization: basic('ana') });
  const url = await scene.ticketUrl({ authorization });
  scene.registry.requests.length = 0;
  const got = await scene.send(url);
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob));
  const asked = scene.registry.requests.filter(({ endpoint }) => endpoint === 'blob');
  t.equal(asked.length, 1, 'the upstream was asked once');
  t.equal(asked[0]?.headers.authorization, authorization);
  t.equal(asked[0]?.headers.range, 'bytes=0-0', 'as B1 has it');
  for (const { headers } of scene.one.requests) t.equal(headers.authorization, undefined, 'never storage');
  t.equal(await scene.berth.metric('berth_source_renewals_total', { result: 'ok' }), 1);
  t.equal(await scene.berth.metric('berth_blob_resumes_total', { reason: 'expired' }), 1);
});

t.test('E3 with what the request came with, inline, and several ranges', async (t) => {
  const scene = await openResumeScene(t, { auth: PRIVATE, registry: { ...ASKED, delivery: 'inline' } });
  const authorization = await bearerOf(scene, { authorization: basic('ana') });
  expireAmid(scene);
  const got = await scene.send(scene.blobPath, { headers: { authorization } });
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob));
  expireAmid(scene);
  const range = `bytes=${MIDDLE - 100}-${MIDDLE + 99},0-9,1000000-1000009,5-6`;
  const parts = await scene.send(scene.blobPath, { headers: { authorization, range } });
  t.equal(parts.status, 206);
  t.equal(parts.ended, 'complete');
  t.ok(parts.body.includes(scene.blob.subarray(MIDDLE - 100, MIDDLE + 100)));
  t.ok(parts.body.includes(scene.blob.subarray(1_000_000, 1_000_010)));
  t.equal(
    await scene.berth.metric('berth_source_renewals_total', { result: 'ok' }),
    2,
    'once for all ranges',
  );
});

t.test('E3 with own credentials', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openOwnScene(t, { registry: { delivery } });
    expireAmid(scene);
    const url = delivery === 'inline' ? scene.blobPath : await scene.ticketUrl();
    const got = await scene.send(url);
    t.equal(got.ended, 'complete', delivery);
    t.ok(got.body.equals(scene.blob));
    t.equal(await scene.berth.metric('berth_source_renewals_total', { result: 'ok' }), 1);
    if (delivery === 'dedicated') t.equal(ticketOf(scene, url).bearer, undefined);
  }
});

t.test('E3 as everybody, where the content is open to everybody', async (t) => {
  for (const auth of [{ ...PRIVATE, publicRepositories: ['*'] }, undefined]) {
    const scene = await openResumeScene(t, { ...(auth && { auth }), registry: ASKED });
    expireAmid(scene);
    const headers = auth === undefined ? {} : { authorization: await bearerOf(scene) };
    const url = await scene.ticketUrl(headers);
    t.equal(ticketOf(scene, url).bearer, undefined);
    const got = await scene.send(url);
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(scene.blob));
  }
});

t.test(
  'E3 with nothing to ask with the body ends short, and the client resumes through the login server',
  async (t) => {
    const scene = await openResumeScene(t, { auth: PRIVATE, registry: ASKED });
    const authorization = await bearerOf(scene, { authorization: basic('ana') });
    // An hour: long enough that no token is sealed.
    expireAmid(scene, 3600);
    const got = await scene.send(await scene.ticketUrl({ authorization }));
    t.equal(got.status, 200);
    t.equal(got.ended, 'short', 'FIN');
    t.ok(got.body.equals(scene.blob.subarray(0, MIDDLE)));
    t.equal(await scene.berth.metric('berth_source_renewals_total', { result: 'no_credentials' }), 1);
    const headers = { range: `bytes=${MIDDLE}-` };
    const rest = await scene.send(await scene.ticketUrl({ authorization }), { headers });
    t.equal(rest.status, 206);
    t.ok(Buffer.concat([got.body, rest.body]).equals(scene.blob));
  },
);

t.test('E3 a link that is about to expire is renewed before it is used', async (t) => {
  const scene = await openResumeScene(t, { auth: PRIVATE, registry: ASKED });
  const authorization = await bearerOf(scene, { authorization: basic('ana') });
  scene.links.next = () => scene.one.url('old', soon(2));
  const url = await scene.ticketUrl({ authorization });
  scene.links.next = () => scene.one.url('new', soon());
  const got = await scene.send(url);
  t.ok(got.body.equals(scene.blob));
  t.strictSame(
    scene.one.requests.map(({ signature }) => signature),
    ['new'],
  );
});

t.test('E4 a right that was taken away ends the body when its link is renewed', async (t) => {
  for (const delivery of ['dedicated', 'inline'] as const) {
    const scene = await openResumeScene(t, { auth: PRIVATE, registry: { ...ASKED, delivery } });
    const authorization = await bearerOf(scene, { authorization: basic('ana') });
    const { one, links } = scene;
    links.next = () => one.url('one', soon());
    const headers = { authorization };
    const url = delivery === 'inline' ? scene.blobPath : await scene.ticketUrl(headers);
    one.acts.push({
      endsAt: MIDDLE,
      sent() {
        one.refused.add('one');
        scene.registry.tokens?.revokeAll();
      },
    });
    const got = await scene.send(url, { headers });
    t.equal(got.ended, 'short', delivery);
    t.ok(got.body.equals(scene.blob.subarray(0, MIDDLE)));
    t.equal(await scene.berth.metric('berth_source_renewals_total', { result: 'refused' }), 1);
    t.equal((await scene.send(url, { headers })).status, delivery === 'inline' ? 401 : 403);
  }
});

t.test('D11 C7 a decision whose link was refused leads nobody there again', async (t) => {
  for (const amid of [false, true]) {
    const scene = await openResumeScene(t, { auth: PRIVATE });
    const authorization = await bearerOf(scene, { authorization: basic('ana') });
    const { one, links } = scene;
    links.next = () => one.url('old', soon(3600));
    const url = await scene.ticketUrl({ authorization });
    links.next = () => one.url('new', soon(3600));
    if (amid) one.acts.push({ endsAt: MIDDLE, sent: () => one.refused.add('old') });
    else one.refused.add('old');
    t.match(await scene.send(url), amid ? { status: 200, ended: 'short' } : { status: 403 });
    const again = await scene.ticketUrl({ authorization });
    t.match(ticketOf(scene, again).source, { url: /sig=new/ });
    t.ok((await scene.send(again)).body.equals(scene.blob), `amid: ${amid}`);
  }
});

t.test('E5 which tickets hold a token', async (t) => {
  const scene = await openResumeScene(t, { auth: PRIVATE, registry: ASKED });
  const { one, links } = scene;
  const authorization = await bearerOf(scene, { authorization: basic('ana') });
  const token = authorization.replace('Bearer ', '');
  const unknown = (): string => one.url().replace(/se=[^&]*&/, '');
  const cases: [string, () => string, string, string | undefined][] = [
    ['a short link', () => one.url('s', soon()), authorization, token],
    ['one that does not tell', unknown, authorization, token],
    ['a long link', () => one.url('s', soon(901)), authorization, undefined],
    ['Basic credentials', () => one.url('s', soon()), basic('ana'), undefined],
  ];
  for (const [why, link, caller, expected] of cases) {
    links.next = link;
    const intercepted = caller.startsWith('Basic');
    // This registry's blobs are given out for tokens alone.
    if (intercepted) {
      scene.registry.intercept = ({ response }, endpoint) => {
        if (endpoint !== 'blob') return false;
        response.writeHead(307, { location: link() }).end();
        return true;
      };
    }
    const url = await scene.ticketUrl({ authorization: caller });
    t.equal(ticketOf(scene, url).bearer, expected, why);
    if (expected === undefined) t.ok(url.length < 1000, `${url.length} characters`);
    t.ok((await scene.send(url)).body.equals(scene.blob), why);
  }
  scene.registry.intercept = undefined;
  t.notMatch(JSON.stringify(scene.berth.log), token);

  const long = await openResumeScene(t, {
    auth: { ...PRIVATE, tokenBytes: MAX_BEARER_BYTES + 1 },
    registry: ASKED,
  });
  long.links.next = () => long.one.url('s', soon());
  const url = await long.ticketUrl({ authorization: await bearerOf(long, { authorization: basic('ana') }) });
  t.equal(ticketOf(long, url).bearer, undefined, 'a token that is too long');
  t.ok((await long.send(url)).body.equals(long.blob), 'is no reason against the data endpoint');
});

t.test('E6 before the header section the client is told', async (t) => {
  const scene = await openResumeScene(t, { registry: { publicProbe: false } });
  const { one } = scene;
  const url = await scene.ticketUrl();
  const count = async (act: typeof one.act): Promise<[number, number]> => {
    one.act = act;
    one.requests.length = 0;
    const { status } = await scene.send(url);
    return [status, one.requests.length];
  };
  t.strictSame(await count({ status: 500 }), [502, 4], 'the first and three tries');
  t.strictSame(await count({ status: 503 }), [503, 4]);
  t.strictSame(await count({ status: 503, headers: { 'retry-after': '1' } }), [503, 1]);
  t.strictSame(await count({ status: 429, headers: { 'retry-after': '1' } }), [429, 1]);
  t.strictSame(await count({ status: 404 }), [502, 1]);
  t.strictSame(await count({ status: 403 }), [403, 1]);
  one.act = { shifted: true };
  one.requests.length = 0;
  t.equal((await scene.send(url, { headers: { range: 'bytes=5-9' } })).status, 502);
  one.act = {};
  for (const act of [{ status: 500 }, { status: 503 }, { endsAt: 0 }]) {
    one.acts.push(act);
    const got = await scene.send(url);
    t.ok(got.body.equals(scene.blob), 'what passes is not noticed');
  }
  one.acts.push({ status: 500 });
  t.equal((await scene.send(url, { method: 'HEAD' })).status, 200);
});

t.test('E7 a client that leaves ends the waits for it', async (t) => {
  const scene = await openResumeScene(t, {
    resumeLimits: { baseDelayMs: 3_600_000, maxDelayMs: 3_600_000, msWithoutProgress: 36_000_000 },
  });
  const { one } = scene;
  const url = await scene.ticketUrl();
  const arrived = Promise.withResolvers<void>();
  one.acts.push({ endsAt: MIDDLE, sent: () => arrived.resolve() });
  const waiting = async (): Promise<void> => {
    await arrived.promise;
    // Up to an hour is waited for now.
    const resumes = () => scene.berth.metric('berth_blob_resumes_total');
    await until(async () => (await resumes()) > 0, 'the next try is waited for');
  };
  await scene.send(url, { hangUpWhen: waiting() }).catch(() => undefined);
  const line = await accessLine(scene, (fields) => fields['door'] === 'data_endpoint' && 'outcome' in fields);
  t.equal(line['outcome'], 'client_closed');
  t.equal(one.requests.length, 1, 'nobody was asked again');
  t.equal(REPOSITORY, line['repository']);
});
