import t from 'tap';
import { createSharedPlaces } from '../../src/upstream/shared-places.ts';

/** Takes as many as it may. */
function fill(places: ReturnType<typeof createSharedPlaces>, client: string): (() => void)[] {
  const taken = [];
  while (places.mayTake(client)) taken.push(places.take(client));
  return taken;
}

t.test('each client gets half of what the others leave, and the next one finds a place', async (t) => {
  const places = createSharedPlaces(10);
  t.same(
    ['a', 'b', 'c', 'd'].map((client) => fill(places, client).length),
    [5, 3, 1, 1],
  );
  t.ok(places.isFull);
  t.notOk(places.mayTake('e'));
});

t.test('one place is for whoever comes', async (t) => {
  const places = createSharedPlaces(1);
  const [end] = fill(places, 'a');
  t.notOk(places.mayTake('b'));
  end?.();
  end?.();
  t.equal(fill(places, 'b').length, 1, 'giving back twice frees one');
  places.resize(3);
  t.ok(places.mayTake('b'));
  places.resize(1);
  t.ok(places.isFull);
});
