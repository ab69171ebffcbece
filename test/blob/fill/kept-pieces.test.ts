import t from 'tap';
import { createKeptPieces } from '../../../src/blob/fill/kept-pieces.ts';
import { createPieceTable } from '../../../src/blob/fill/piece-table.ts';

function scene() {
  const pieces = createPieceTable(35, 10);
  const found: number[] = [];
  const asked: number[] = [];
  const answers: PromiseWithResolvers<boolean>[] = [];
  const has = (piece: number): Promise<boolean> => {
    asked.push(piece);
    const answer = Promise.withResolvers<boolean>();
    answers.push(answer);
    return answer.promise;
  };
  const kept = createKeptPieces({ has }, pieces, (piece) => void found.push(piece));
  return { pieces, found, asked, answers, kept };
}

t.test('what is there has landed, what is not or can not be read is missing', async (t) => {
  const { pieces, found, asked, answers, kept } = scene();
  const first = kept.look(1);
  t.equal(pieces.state(1), 'checking');
  const all = kept.lookAtAll();
  answers[0]?.resolve(true);
  await first;
  for (const [index, answer] of [false, undefined, true].entries()) {
    while (answers.length < index + 2) await new Promise(setImmediate);
    if (answer === undefined) answers[index + 1]?.reject(new Error('unreadable'));
    else answers[index + 1]?.resolve(answer);
  }
  await all;
  t.strictSame(asked, [1, 0, 2, 3], 'each once');
  t.strictSame(found, [1, 3]);
  t.strictSame(
    [0, 1, 2, 3].map((piece) => pieces.state(piece)),
    ['missing', 'landed', 'missing', 'landed'],
  );
  await kept.stop();
});

t.test('nothing is looked at after the end', async (t) => {
  const { pieces, found, asked, answers, kept } = scene();
  const all = kept.lookAtAll();
  const stopped = kept.stop();
  answers[0]?.resolve(true);
  await Promise.all([stopped, all]);
  t.strictSame(asked, [0]);
  t.strictSame(found, []);
  t.equal(pieces.state(1), 'unknown');
});
