import t from 'tap';
import {
  type Asked,
  createPreparedManifests,
  type PreparedManifest,
  type PreparedManifests,
} from '../../src/login-server/prepared-manifests.ts';
import { parseDigest } from '../../src/oci/digest.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';

function prepare(repository = 'team/app'): PreparedManifest {
  const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
  const name = parseRepositoryName(repository);
  if (digest.kind !== 'ok' || name === undefined) throw new Error('this is none');
  return {
    repository: name,
    digest: digest.digest,
    name: { own: 'own', open: undefined, of: 'of', repository, shared: undefined },
    serves: () => true,
  };
}

const ASKED: Asked & { readonly target: string } = {
  target: '/v2/team/app/manifests/sha256:00',
  accept: 'a/b',
  authorization: 'Bearer secret',
};

function keyOf(store: PreparedManifests, asked: Partial<Asked>): string {
  const key = store.key({ ...ASKED, ...asked });
  if (key === undefined) throw new Error('it is not kept');
  return key;
}

t.test('each part of what is asked tells requests apart, and so does whom they come to', (t) => {
  const open = createPreparedManifests();
  const store = open();
  const prepared = prepare();
  store.set(keyOf(store, {}), prepared);
  t.equal(store.get(keyOf(store, {})), prepared);
  for (const other of [
    { target: `${ASKED.target}?ns=a` },
    { target: ASKED.target.toUpperCase() },
    { accept: undefined },
    { accept: 'a/c' },
    { authorization: undefined },
    { authorization: 'Bearer other' },
    { accept: undefined, authorization: undefined },
  ]) {
    t.equal(store.get(keyOf(store, other)), undefined, JSON.stringify(other));
  }
  // Of another registry, or of this one under another configuration.
  const next = open();
  t.equal(next.get(keyOf(next, {})), undefined);
  t.equal(next.get(keyOf(store, {})), prepared, 'one store for all');
  t.end();
});

t.test('credentials can not be read from a key, and other processes have other keys', (t) => {
  const [one, other] = [createPreparedManifests()(), createPreparedManifests()()];
  t.notMatch(keyOf(one, {}), /secret|Bearer/);
  t.not(keyOf(one, {}), keyOf(other, {}));
  t.end();
});

t.test('memory is bounded, whatever is asked for', (t) => {
  const store = createPreparedManifests()();
  t.equal(store.key({ ...ASKED, target: `/${'x'.repeat(2_048)}` }), undefined, 'a long target');
  t.equal(store.key({ ...ASKED, accept: 'x'.repeat(2_048) }), undefined, 'a long Accept');
  const keys = Array.from({ length: 20_000 }, (_, at) =>
    keyOf(store, { target: `/${at}`, accept: `a/${at}` }),
  );
  for (const key of keys) store.set(key, prepare());
  const kept = keys.filter((key) => store.get(key) !== undefined).length;
  t.ok(kept > 5_000 && kept < 12_000, String(kept));
  t.equal(store.get(keys[0] ?? ''), undefined, 'those that were not asked for longest are gone');
  t.not(
    keyOf(store, { target: '/0', accept: 'a/0' }),
    keys[0],
    'a value of Accept that was forgotten is a new one',
  );
  t.end();
});
