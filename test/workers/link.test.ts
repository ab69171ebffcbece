import t from 'tap';
import { createLink, LinkError } from '../../src/workers/link.ts';
import { createPipe } from './pipe.ts';

type Nothing = Readonly<Record<string, never>>;

type Calls = {
  readonly double: { readonly ask: number; readonly answer: number };
  readonly fail: { readonly ask: undefined; readonly answer: undefined };
  readonly never: { readonly ask: undefined; readonly answer: undefined };
};
type Notes = { readonly said: string };

function openLinks() {
  const { ends, cut } = createPipe();
  const heard: string[] = [];
  const here = createLink<Calls, Notes, Nothing, Nothing>(ends[0], {}, {});
  const there = createLink<Nothing, Nothing, Calls, Notes>(
    ends[1],
    {
      double: (ask) => Promise.resolve(2 * ask),
      fail: () => Promise.reject(new Error('it can not be')),
      never: () => new Promise(() => undefined),
    },
    { said: (text) => heard.push(text) },
  );
  return { here, there, heard, cut };
}

t.test('questions are answered, each with its own', async (t) => {
  const { here, heard } = openLinks();
  here.note('said', 'one');
  t.same(await Promise.all([1, 2, 3].map((ask) => here.call('double', ask))), [2, 4, 6]);
  t.same(heard, ['one'], 'what was said before is heard before');
  await t.rejects(here.call('fail', undefined), new LinkError('it can not be'));
});

t.test('a conversation arrives in order, also what is said before anybody listens', async (t) => {
  const { here, there } = openLinks();
  const one = here.port<string, string>(7);
  const other = there.port<string, string>(7);
  for (const word of ['a', 'b', 'c']) one.post(word);
  await here.call('double', 1);
  const heard: string[] = [];
  other.listen((word) => heard.push(word));
  t.same(heard, ['a', 'b', 'c']);
  one.close();
  one.post('d');
  await here.call('double', 1);
  t.same(heard, ['a', 'b', 'c'], 'and nothing after its end');
});

t.test('when the other process is gone every question fails, and every later one', async (t) => {
  const { here, cut } = openLinks();
  const waiting = here.call('never', undefined);
  cut();
  await t.rejects(waiting, new LinkError('the other process has ended'));
  await t.rejects(here.call('double', 1), new LinkError('the other process has ended'));
  await here.closed;
});
