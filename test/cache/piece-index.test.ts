import * as fc from 'fast-check';
import t from 'tap';

import {
  formatPieceHeader,
  formatPieceRecord,
  PIECE_HEADER_BYTES,
  PIECE_RECORD_BYTES,
  parsePieceIndex,
} from '../../src/cache/piece-index.ts';
import { holds } from '../support/property.ts';

const SCOPE = 'contoso';
const HEADER = { length: 1000 * 64, pieceBytes: 64, scope: SCOPE };
const records = fc.array(fc.tuple(fc.nat(999), fc.nat(0xffff_ffff)), { maxLength: 30 });

function format(written: readonly (readonly [number, number])[]): Buffer {
  return Buffer.concat([
    formatPieceHeader(HEADER),
    ...written.map(([piece, crc]) => formatPieceRecord(piece, crc)),
  ]);
}

t.test('what is formatted is parsed, and of two records for a piece the later counts', (t) => {
  holds(
    t,
    'any records',
    fc.property(records, (written) => {
      const index = parsePieceIndex(format(written), SCOPE);
      const expected = new Map(written);
      return (
        index?.length === HEADER.length &&
        index.pieceBytes === HEADER.pieceBytes &&
        index.crcs.size === expected.size &&
        [...expected].every(([piece, crc]) => index.crcs.get(piece) === crc)
      );
    }),
  );
  t.end();
});

t.test('a file that ends anywhere, or has one wrong byte, says nothing wrong', (t) => {
  holds(
    t,
    'cut',
    fc.property(records, fc.nat(), (written, seed) => {
      const content = format(written);
      const end = seed % (content.length + 1);
      const index = parsePieceIndex(content.subarray(0, end), SCOPE);
      if (end < PIECE_HEADER_BYTES) return index === undefined;
      const kept = written.slice(0, Math.floor((end - PIECE_HEADER_BYTES) / PIECE_RECORD_BYTES));
      return index !== undefined && [...new Map(kept)].every(([piece, crc]) => index.crcs.get(piece) === crc);
    }),
  );
  holds(
    t,
    'changed',
    fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, seed, change) => {
      const content = format(written);
      const at = seed % content.length;
      content[at] = (content[at] ?? 0) ^ change;
      const index = parsePieceIndex(content, SCOPE);
      if (at < PIECE_HEADER_BYTES) return index === undefined;
      const known = new Set(written.map(([piece, crc]) => `${piece} ${crc}`));
      return index !== undefined && [...index.crcs].every(([piece, crc]) => known.has(`${piece} ${crc}`));
    }),
  );
  t.end();
});

t.test('zeroes are no record, and a piece beyond the end is none', (t) => {
  const content = Buffer.concat([
    format([]),
    Buffer.alloc(PIECE_RECORD_BYTES * 3),
    formatPieceRecord(1000, 1),
  ]);
  t.equal(parsePieceIndex(content, SCOPE)?.crcs.size, 0);
  t.equal(parsePieceIndex(formatPieceHeader({ length: 1, pieceBytes: 0, scope: SCOPE }), SCOPE), undefined);
  t.equal(parsePieceIndex(Buffer.alloc(0), SCOPE), undefined);
  t.end();
});

t.test('what another scope left is not taken for its own', (t) => {
  t.equal(parsePieceIndex(format([[1, 2]]), 'other'), undefined);
  t.equal(parsePieceIndex(format([[1, 2]]), SCOPE)?.crcs.size, 1);
  t.end();
});
