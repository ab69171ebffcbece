import t from 'tap';
import { closeInTurn } from '../../src/system/close-in-turn.ts';

t.test('one after the other; what fails or hangs keeps none of the others open', async (t) => {
  const events: unknown[] = [];
  const failure = new Error('read-only file system');
  const say = (what: string) => async () => void events.push(what);
  await closeInTurn(
    [
      ['one', say('one')],
      ['fails', () => Promise.reject(failure)],
      [
        'throws',
        () => {
          throw failure;
        },
      ],
      ['hangs', () => new Promise(() => undefined)],
      ['last', say('last')],
    ],
    { withinMs: 20, onFailure: (...failed) => void events.push(failed) },
  );
  t.same(events, ['one', ['fails', failure], ['throws', failure], ['hangs', undefined], 'last']);
});

t.test('what ends in time leaves no timer behind', async (t) => {
  const failed: string[] = [];
  await closeInTurn([['one', () => Promise.resolve()]], {
    withinMs: 3_600_000,
    onFailure: (what) => void failed.push(what),
  });
  t.same(failed, []);
});
