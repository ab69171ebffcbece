import t from 'tap';
import { keepEqual, keepEqualRegistries } from '../../src/serving/keep-equal.ts';
import { createTurns } from '../../src/system/turns.ts';
import { loadedRegistry } from '../support/config-file.ts';

t.test('the value that is there already, where the other says the same', async (t) => {
  const known = { a: [1] };
  t.equal(keepEqual(known, { a: [1] }), known);
  const other = { a: [2] };
  t.equal(keepEqual(known, other), other);
  t.equal(keepEqual(undefined, other), other);
});

t.test('registries by their names, whatever their order, and the list where it is the same', async (t) => {
  const read = () => ['a', 'b', 'c'].map((name) => loadedRegistry({ name, loginServer: `${name}.example` }));
  const known = read();
  const [a, b, c] = known;
  t.equal(await keepEqualRegistries(known, read(), createTurns()), known);
  t.equal(await keepEqualRegistries(known, known, createTurns()), known);

  const changed = read().map((registry) => (registry.name === 'b' ? { ...registry, push: false } : registry));
  const kept = await keepEqualRegistries(known, changed, createTurns());
  t.equal(kept[0], a);
  t.equal(kept[1], changed[1]);
  t.equal(kept[2], c);

  const reversed = await keepEqualRegistries(known, read().toReversed(), createTurns());
  t.strictSame(reversed, [c, b, a]);
  t.ok(reversed.every((registry) => known.includes(registry)));
  t.equal((await keepEqualRegistries(known, read().slice(1), createTurns())).length, 2);
});

t.test('others have their turn between two registries', async (t) => {
  const known = [loadedRegistry({ name: 'a' }), loadedRegistry({ name: 'b' })];
  let turns = 0;
  const next = () => {
    turns += 1;
    return Promise.resolve();
  };
  await keepEqualRegistries(known, [...known], { next });
  t.equal(turns, 2);
});
