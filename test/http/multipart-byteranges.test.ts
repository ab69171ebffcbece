import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import t from 'tap';
import { multipartByteranges } from '../../src/http/multipart-byteranges.ts';
import { satisfiableRanges } from '../../src/http/satisfiable-ranges.ts';
import { parseMultipart } from '../support/parse-multipart.ts';
import { holds } from '../support/property.ts';
import { rangeSpecs } from '../support/range-specs.ts';

const options = { completeLength: 100, partType: 'application/octet-stream', boundary: 'THIS_SEPARATES' };

t.test('the body as RFC 9110 section 15.3.7.2 has it', (t) => {
  const frame = multipartByteranges(
    [
      { firstPos: 1, lastPos: 2 },
      { firstPos: 90, lastPos: 99 },
    ],
    options,
  );
  t.equal(frame.contentType, 'multipart/byteranges; boundary=THIS_SEPARATES');
  t.equal(
    frame.head(0).toString(),
    '--THIS_SEPARATES\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 1-2/100\r\n\r\n',
  );
  t.equal(
    frame.head(1).toString(),
    '\r\n--THIS_SEPARATES\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 90-99/100\r\n\r\n',
  );
  t.equal(frame.tail.toString(), '\r\n--THIS_SEPARATES--\r\n');
  t.throws(() => frame.head(2), RangeError);
  t.end();
});

t.test('a reader that knows nothing but the boundary finds the slices', (t) => {
  holds(
    t,
    'any ranges of any content',
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), rangeSpecs(80), (bytes, specs) => {
      const ranges = satisfiableRanges(specs, bytes.length);
      if (ranges.length === 0) return;
      const frame = multipartByteranges(ranges, { ...options, completeLength: bytes.length });
      const body = Buffer.concat([
        ...ranges.flatMap(({ firstPos, lastPos }, index) => [
          frame.head(index),
          bytes.subarray(firstPos, lastPos + 1),
        ]),
        frame.tail,
      ]);
      assert.equal(frame.contentLength, body.length);
      assert.deepEqual(
        parseMultipart(frame.contentType, body).map((part) => ({
          range: part.headers['content-range'],
          type: part.headers['content-type'],
          bytes: [...part.body],
        })),
        ranges.map(({ firstPos, lastPos }) => ({
          range: `bytes ${firstPos}-${lastPos}/${bytes.length}`,
          type: options.partType,
          bytes: [...bytes.subarray(firstPos, lastPos + 1)],
        })),
      );
    }),
  );
  t.end();
});
