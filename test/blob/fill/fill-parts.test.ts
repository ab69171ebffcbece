import t from 'tap';
import { createPortPair } from '../../../src/blob/fill/fill-port.ts';
import { createFillWidth } from '../../../src/blob/fill/fill-width.ts';
import { createPieceTable } from '../../../src/blob/fill/piece-table.ts';
import { planPiece } from '../../../src/blob/fill/plan-piece.ts';
import { createReadable } from '../../../src/blob/fill/readable-pieces.ts';

t.test('pieces: what has landed, and up to where without a gap', (t) => {
  const pieces = createPieceTable(25, 10);
  t.equal(pieces.count, 3);
  t.equal(pieces.end(2), 25);
  t.equal(pieces.advance(0, 4), 4);
  t.equal(pieces.contiguousEnd(0), 4);
  t.equal(pieces.advance(0, 6), 10);
  t.equal(pieces.state(0), 'landed');
  pieces.land(2);
  t.equal(pieces.contiguousEnd(0), 10);
  t.equal(pieces.contiguousEnd(20), 25);
  t.equal(pieces.missingBytes, 10);
  t.strictSame([...pieces.have()], [1, 0, 1]);
  pieces.set(0, 'missing');
  t.equal(pieces.state(0), 'landed', 'what is there stays');
  pieces.land(1);
  t.ok(pieces.allLanded);
  t.equal(createPieceTable(0, 10).contiguousEnd(0), 0);
  t.end();
});

t.test('the next piece is the nearest to a reader, within its window', (t) => {
  const pieces = createPieceTable(100, 10);
  const near = { position: 35, to: 100, isOpenEnded: false };
  const open = { position: 0, to: 100, isOpenEnded: true };
  t.equal(planPiece([near], pieces, 1), 3);
  pieces.set(3, 'active');
  t.equal(planPiece([near], pieces, 1), 4);
  t.equal(planPiece([near, open], pieces, 1), 0, 'one that waits goes first');
  pieces.land(0);
  pieces.land(1);
  t.equal(planPiece([open], pieces, 8), undefined, 'two pieces for one that may hang up');
  t.equal(planPiece([{ ...near, to: 40 }], pieces, 8), undefined);
  t.equal(planPiece([{ ...near, position: 100 }], pieces, 8), undefined);
  for (const piece of [4, 5, 6]) pieces.set(piece, 'checking');
  t.equal(planPiece([near], pieces, 1), undefined);
  t.equal(planPiece([near], pieces, 2), 7);
  t.end();
});

t.test('width: doubles while that pays, and goes back where it does not', (t) => {
  let now = 0;
  const width = createFillWidth(8, () => now);
  const round = (milliseconds: number): void => {
    const count = width.current;
    now += milliseconds;
    for (let piece = 0; piece < count; piece += 1) width.pieceLanded(1000, true);
  };
  round(10);
  t.equal(width.current, 2, 'always tried');
  round(10);
  t.equal(width.current, 4, 'twice as fast');
  round(20);
  t.equal(width.current, 2, 'no faster: back');
  for (let turn = 0; turn < 31; turn += 1) round(10);
  t.equal(width.current, 2);
  round(10);
  t.equal(width.current, 4, 'tried again');
  width.failed();
  t.equal(width.current, 2);
  width.failed();
  width.failed();
  t.equal(width.current, 1, 'never none');
  t.end();
});

t.test('width: readers that set the pace teach nothing', (t) => {
  let now = 0;
  const width = createFillWidth(8, () => now);
  for (let piece = 0; piece < 100; piece += 1) {
    now += 10;
    width.pieceLanded(1000, false);
  }
  t.equal(width.current, 1);
  t.end();
});

t.test('a port delivers later, in order, and nothing once it is closed', async (t) => {
  const [here, there] = createPortPair<number, string>();
  const heard: number[] = [];
  here.post(1);
  there.listen((message) => heard.push(message));
  here.post(2);
  t.strictSame(heard, []);
  await Promise.resolve();
  t.strictSame(heard, [1, 2]);
  here.post(3);
  there.close();
  here.post(4);
  await Promise.resolve();
  t.strictSame(heard, [1, 2]);
});

t.test('a reader knows whole pieces and the beginning of its own', (t) => {
  const pieces = createReadable(Uint8Array.of(1, 0, 0), 10, 25);
  t.equal(pieces.end(0), 10);
  pieces.progress(1, 3);
  t.equal(pieces.end(5), 13);
  pieces.progress(1, 2);
  t.equal(pieces.end(5), 13, 'never less');
  pieces.add(1);
  pieces.add(2);
  t.equal(pieces.end(12), 25);
  t.end();
});
