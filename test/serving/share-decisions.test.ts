import t from 'tap';
import type { Question } from '../../src/login-server/decisions.ts';
import type { ManifestAnswer } from '../../src/login-server/manifest-answer.ts';
import { shareDecisions } from '../../src/serving/share-decisions.ts';
import { createProcessState } from '../../src/state/create-process-state.ts';
import type { SharedState } from '../../src/state/shared-state.ts';
import { createStateSeal } from '../../src/ticket/state-seal.ts';
import { generateTicketKeys } from '../../src/ticket/ticket-keys.ts';
import type { BlobLocation } from '../../src/upstream/upstream-registry.ts';

const keys = generateTicketKeys();
const seal = createStateSeal(() => keys);
const scope = { registry: 'contoso https://upstream', rules: 'rules' };

function open(state: SharedState = createProcessState(), ahead = 0) {
  return shareDecisions({ state, seal, now: () => Date.now() + ahead });
}

function question<T>(over: Partial<Question<T>> = {}): Question<T> {
  return {
    registry: 'contoso 1',
    repository: 'team/app',
    subject: 'blob sha256:1',
    authorization: 'Bearer a',
    ttlSeconds: 60,
    readOnly: false,
    probe: undefined,
    ask: () => Promise.reject(new Error('nobody asks')),
    shared: scope,
    ...over,
  };
}

const LOCATIONS: readonly BlobLocation[] = [
  { kind: 'storage', url: 'https://h/b?sig=x', host: 'h', expiresAt: 5, size: undefined },
  { kind: 'storage', url: 'https://h/b', host: 'h', expiresAt: undefined, size: 7, region: 'eastus' },
  { kind: 'registry', url: 'https://r/v2/', size: 7, region: 'westus' },
  { kind: 'registry', url: 'https://r/v2/', size: undefined },
];

t.test('each kind of value comes back as it was', async (t) => {
  const { blobs, manifests } = open();
  for (const [index, value] of LOCATIONS.entries()) {
    const asked = question<BlobLocation>({ subject: `blob ${index}` });
    const before = await blobs.look(asked);
    await blobs.keep(asked, asked.authorization, before?.epoch ?? '', { value, until: Date.now() + 50_000 });
    t.same((await blobs.look(asked))?.caller?.value, value);
  }
  const digest = `sha256:${'a'.repeat(64)}`;
  const value = { kind: 'manifest', digest, mediaType: 'x/y', length: 3 } as ManifestAnswer;
  const asked = question<ManifestAnswer>();
  const before = await manifests.look(asked);
  await manifests.keep(asked, undefined, before?.epoch ?? '', { value, until: Date.now() + 50_000 });
  t.equal((await manifests.look(asked))?.open, undefined, 'without a probe there is nothing for everybody');
  const probing = question<ManifestAnswer>({ probe: () => Promise.reject(new Error('nobody asks')) });
  await manifests.keep(probing, undefined, before?.epoch ?? '', { value, until: Date.now() + 50_000 });
  t.same((await manifests.look(probing))?.open?.value, value);
});

t.test('other rules, other credentials, another subject: not known', async (t) => {
  const { blobs, manifests } = open();
  const asked = question<BlobLocation>();
  const before = await blobs.look(asked);
  const [value] = LOCATIONS;
  if (value === undefined) throw new Error('there is one');
  await blobs.keep(asked, asked.authorization, before?.epoch ?? '', { value, until: Date.now() + 50_000 });
  t.same((await blobs.look(asked))?.caller?.value, value);
  for (const over of [
    { shared: { ...scope, rules: 'others' } },
    { authorization: 'Bearer b' },
    { authorization: undefined },
    { subject: 'blob sha256:2' },
  ]) {
    t.equal((await blobs.look(question(over)))?.caller, undefined, JSON.stringify(over));
  }
  t.equal((await manifests.look(question()))?.caller, undefined, 'nor as an answer of another kind');
  t.equal(await blobs.look(question({ shared: undefined })), undefined);
});

t.test('what somebody moves to another repository or registry in the state is not taken there', async (t) => {
  const inner = createProcessState();
  let text: string | undefined;
  let epoch = '';
  const moving: SharedState = {
    ...inner,
    keep(_group, of, _name, value) {
      epoch = of;
      text = value;
      return Promise.resolve();
    },
    // Whoever can write there can make one epoch of all, and find out by trying which name is which.
    look: async (group, names) =>
      text === undefined ? inner.look(group, names) : { epoch, found: names.map(() => text) },
  };
  const { blobs } = open(moving);
  const asked = question<BlobLocation>();
  const [value] = LOCATIONS;
  const before = await blobs.look(asked);
  if (value === undefined) throw new Error('there is one');
  await blobs.keep(asked, asked.authorization, before?.epoch ?? '', { value, until: Date.now() + 50_000 });
  t.same((await blobs.look(asked))?.caller?.value, value, 'in its place it is');
  const elsewhere = { ...scope, registry: 'fabrikam https://upstream' };
  for (const over of [{ repository: 'team/other' }, { shared: elsewhere }]) {
    t.equal((await blobs.look(question(over)))?.caller, undefined, JSON.stringify(over));
  }
});

t.test('a clock that is ahead elsewhere keeps nothing for longer than it may', async (t) => {
  const state = createProcessState();
  const [here, ahead] = [open(state), open(state, 3_600_000)];
  const asked = question<BlobLocation>();
  const before = await ahead.blobs.look(asked);
  const [value] = LOCATIONS;
  if (value === undefined) throw new Error('there is one');
  const until = Date.now() + 3_600_000 + 60_000;
  await ahead.blobs.keep(asked, asked.authorization, before?.epoch ?? '', { value, until });
  const found = (await here.blobs.look(asked))?.caller;
  t.ok(found !== undefined && found.until <= Date.now() + 60_000);
  t.equal(
    (await open(state, 7_200_000).blobs.look(asked))?.caller,
    undefined,
    'over, for who is later still',
  );
});

t.test('a write that could not be told is told first of all', async (t) => {
  const inner = createProcessState();
  const away = { is: true };
  const state: SharedState = {
    ...inner,
    forget: (group) => (away.is ? Promise.resolve(false) : inner.forget(group)),
  };
  const [one, other] = [open(state), open(inner)];
  const asked = question<BlobLocation>();
  const before = await other.blobs.look(asked);
  await one.blobs.forget(scope, asked.repository);
  t.equal(await one.blobs.look(asked), undefined, 'until then it asks nobody but the upstream');
  t.equal((await other.blobs.look(asked))?.epoch, before?.epoch);
  away.is = false;
  t.ok((await one.blobs.look(question({ repository: 'other/app' }))) !== undefined);
  t.not((await other.blobs.look(asked))?.epoch, before?.epoch);
});

t.test('of two writes at once, one told and one not: the other is told later', async (t) => {
  const inner = createProcessState();
  const answers: ((isTold: boolean) => void)[] = [];
  const slow = { is: true };
  const state: SharedState = {
    ...inner,
    forget: (group) => (slow.is ? new Promise((resolve) => answers.push(resolve)) : inner.forget(group)),
  };
  const [one, other] = [open(state), open(inner)];
  const asked = question<BlobLocation>();
  const before = await other.blobs.look(asked);
  const writes = [one.blobs.forget(scope, asked.repository), one.blobs.forget(scope, asked.repository)];
  answers[0]?.(true);
  await writes[0];
  answers[1]?.(false);
  await writes[1];
  slow.is = false;
  await one.blobs.look(asked);
  t.not((await other.blobs.look(asked))?.epoch, before?.epoch);
});
