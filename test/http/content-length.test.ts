import t from 'tap';
import { announcesContent, parseContentLength } from '../../src/http/content-length.ts';

t.test('a length is digits that a number can hold', async (t) => {
  const rows: [string | undefined, number | undefined][] = [
    ['0', 0],
    ['00', 0],
    ['10737418240', 10_737_418_240],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['9007199254740992', undefined],
    ['12345678901234567', undefined],
    ['', undefined],
    ['-1', undefined],
    ['+1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    [' 1', undefined],
    ['1, 1', undefined],
    [undefined, undefined],
  ];
  for (const [value, expected] of rows) t.equal(parseContentLength(value), expected, String(value));
});

t.test('what announces content', async (t) => {
  t.notOk(announcesContent({}));
  t.notOk(announcesContent({ 'content-length': '0' }));
  t.ok(announcesContent({ 'content-length': '1' }));
  t.ok(announcesContent({ 'content-length': '12345678901234567' }), 'however much it is');
  t.ok(announcesContent({ 'transfer-encoding': 'chunked' }));
});
