import t from 'tap';
import { createRandom } from './random.ts';

const draw = (random: ReturnType<typeof createRandom>) => Array.from({ length: 20 }, () => random.next());

t.test('the same seed, the same numbers', async (t) => {
  t.same(draw(createRandom(7)), draw(createRandom(7)));
  t.notSame(draw(createRandom(7)), draw(createRandom(8)));
});

t.test('a stream of its own is not changed by what others draw', async (t) => {
  const one = createRandom(7);
  draw(one);
  t.same(draw(one.fork('redis')), draw(createRandom(7).fork('redis')));
  t.notSame(draw(one.fork('redis')), draw(one.fork('login')));
});

t.test('whole numbers, choices and weights stay within their bounds', async (t) => {
  const random = createRandom(1);
  const numbers = new Set(Array.from({ length: 300 }, () => random.between(3, 6)));
  t.same(
    [...numbers].toSorted((one, other) => one - other),
    [3, 4, 5, 6],
  );
  const words = Array.from({ length: 300 }, () => random.weighted({ often: 9, seldom: 1, never: 0 }));
  const count = (word: string) => words.filter((each) => each === word).length;
  t.ok(count('often') > count('seldom') && count('seldom') > 0);
  t.equal(count('never'), 0);
  t.throws(() => random.weighted({ never: 0 }), /weight/);
});
