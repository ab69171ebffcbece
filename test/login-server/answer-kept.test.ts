import t from 'tap';
import { createManifestStore } from '../../src/cache/manifest-store.ts';
import type { RawRequest } from '../../src/listener/door-request.ts';
import { type AnswerKeptDeps, createAnswerKept } from '../../src/login-server/answer-kept.ts';
import { subjectOf } from '../../src/login-server/ask-manifest.ts';
import { createDecisions, type Verdict } from '../../src/login-server/decisions.ts';
import type { ManifestAnswer } from '../../src/login-server/manifest-answer.ts';
import { createPreparedManifests } from '../../src/login-server/prepared-manifests.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { parseRoute } from '../../src/oci/route.ts';
import { createClientPolicy } from '../../src/policy/client-policy.ts';
import { createRepositoryRules } from '../../src/policy/repository-rules.ts';
import { testRegistry } from '../support/berth.ts';
import { digestOf, MANIFEST_TYPE } from '../support/image.ts';

const CONTENT = Buffer.from('{"schemaVersion":2}');
const TARGET = `/v2/team/app/manifests/${digestOf(CONTENT)}`;

type Sent = { status: number; content: Buffer | undefined };

function ask(
  answerKept: (asked: RawRequest) => boolean,
  {
    method = 'GET',
    target = TARGET,
    headers = {},
  }: { method?: string; target?: string; headers?: object } = {},
): Sent | undefined {
  let sent: Sent | undefined;
  const response = {
    writeHead: (status: number) => {
      sent = { status, content: undefined };
      return response;
    },
    end: (content?: Buffer) => {
      if (sent !== undefined) sent.content = content;
    },
  };
  const access = { door: 'login_server', route: 'unknown' };
  const exchange = {
    request: { method, url: target, headers },
    response,
    context: { requestId: 'one', access },
  };
  const answered = answerKept(exchange as unknown as RawRequest);
  t.equal(answered, sent !== undefined);
  if (!answered) t.strictSame(access, { door: 'login_server', route: 'unknown' }, 'nothing was done');
  return sent;
}

/** What is needed for an answer from memory; nothing is in it yet. */
function open(change: Partial<AnswerKeptDeps> = {}) {
  const route = parseRoute(TARGET);
  if (route.kind !== 'manifest' || route.reference.kind !== 'digest') throw new Error('this is no manifest');
  const { digest } = route.reference;
  const metrics = createMetrics();
  const registry = testRegistry({ publicProbe: false, upstream: { url: 'https://upstream.example' } });
  const manifests = createManifestStore(1024 * 1024);
  const manifestDecisions = createDecisions<ManifestAnswer>({ metrics });
  const deps: AnswerKeptDeps = {
    registry,
    clients: undefined,
    manifests,
    manifestDecisions,
    preparedManifests: createPreparedManifests()(),
    repositoryRules: createRepositoryRules([]),
    metrics,
    ...change,
  };
  const known: ManifestAnswer = {
    kind: 'manifest',
    digest,
    mediaType: MANIFEST_TYPE,
    length: CONTENT.length,
  };
  const decide = (verdict: Verdict<ManifestAnswer>, authorization?: string) =>
    manifestDecisions.decide(
      {
        ...subjectOf(undefined, route, { authorization }, deps),
        ttlSeconds: 60,
        readOnly: true,
        probe: undefined,
        ask: async () => verdict,
      },
      new AbortController().signal,
    );
  return {
    metrics,
    registry,
    manifests,
    answerKept: createAnswerKept(deps),
    keep: () => manifests.set(registry.name, { digest, mediaType: MANIFEST_TYPE, content: CONTENT }),
    decide,
    allow: (authorization?: string) => decide({ kind: 'allowed', value: known }, authorization),
  };
}

t.test('it answers where there is both, the content and the decision, and as long as there is', async (t) => {
  const { answerKept, keep, allow, manifests, registry, metrics } = open();
  t.equal(ask(answerKept), undefined, 'neither');
  await allow();
  t.equal(ask(answerKept), undefined, 'a decision alone');
  keep();
  for (const time of ['prepared', 'again'])
    t.strictSame(ask(answerKept), { status: 200, content: CONTENT }, time);
  t.strictSame(ask(answerKept, { method: 'HEAD' }), { status: 200, content: undefined });
  const condition = { 'if-none-match': `"${digestOf(CONTENT)}"` };
  t.strictSame(ask(answerKept, { headers: condition }), { status: 304, content: undefined });
  t.equal(
    await metrics.authorizationDecisions.value({ result: 'hit' }),
    4,
    'only what was answered is counted',
  );
  t.equal(await metrics.manifestCacheRequests.value({ result: 'hit' }), 4);
  for (let other = 0; other < 64; other += 1) {
    const content = Buffer.alloc(32_000, other);
    const route = parseRoute(`/v2/a/manifests/${digestOf(content)}`);
    if (route.kind !== 'manifest' || route.reference.kind !== 'digest')
      throw new Error('this is no manifest');
    manifests.set(registry.name, { digest: route.reference.digest, mediaType: MANIFEST_TYPE, content });
  }
  t.equal(ask(answerKept), undefined, 'the content was pushed out');
  keep();
  t.equal(ask(answerKept)?.status, 200);
});

t.test('content without a decision, or with a refusal, is for nobody', async (t) => {
  const { answerKept, keep, decide, metrics } = open();
  keep();
  t.equal(ask(answerKept), undefined);
  const answer = { status: 403, headers: {}, body: Buffer.alloc(0) };
  await decide({ kind: 'refused', status: 403, value: { kind: 'answer', answer } });
  t.equal(ask(answerKept), undefined);
  t.equal(await metrics.authorizationDecisions.value({ result: 'hit' }), 0, 'who answers it counts it');
});

t.test('all others have to be asked, or refused, elsewhere', async (t) => {
  const { answerKept, keep, allow } = open();
  keep();
  await allow('Bearer a');
  const headers = { authorization: 'Bearer a' };
  t.equal(ask(answerKept, { headers })?.status, 200);
  for (const other of [
    { headers: {} },
    { headers: { authorization: 'Bearer b' } },
    { headers: { ...headers, accept: MANIFEST_TYPE } },
    { headers: { ...headers, 'content-length': '1' } },
    { headers: { ...headers, 'transfer-encoding': 'chunked' } },
    { headers, method: 'DELETE' },
    { headers, method: 'PUT' },
    { headers, target: TARGET.replace('team', 'other') },
    { headers, target: `${TARGET}0` },
    { headers, target: TARGET.replace('manifests', 'blobs') },
    { headers, target: '/v2/team/app/manifests/latest' },
    { headers, target: `${TARGET}?ns=other.example` },
    { headers, target: `${TARGET}?x=?&ns=other.example` },
  ]) {
    t.equal(ask(answerKept, other), undefined, JSON.stringify(other));
  }
});

t.test('no rule of the registry is passed by', async (t) => {
  const anonymous = { networks: [], mtls: false, htpasswdFile: null, anonymous: true };
  const rows: readonly Partial<AnswerKeptDeps>[] = [
    { repositoryRules: createRepositoryRules([{ action: 'deny', pattern: 'team/*' }]) },
    { clients: createClientPolicy(anonymous) },
  ];
  for (const change of rows) {
    const { answerKept, keep, allow } = open(change);
    keep();
    await allow();
    t.equal(ask(answerKept), undefined, Object.keys(change).join());
  }
});
