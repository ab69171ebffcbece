import t from 'tap';
import { describeCode, errorCode } from '../../src/system/error-code.ts';

t.test('codes are texts of Errors, and nothing else is one', async (t) => {
  const rows: [unknown, string | undefined][] = [
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'ENOENT'],
    [Object.assign(new Error('x'), { code: 5 }), undefined],
    [new Error('x'), undefined],
    [{ code: 'ENOENT' }, undefined],
    ['ENOENT', undefined],
    [null, undefined],
    [undefined, undefined],
  ];
  for (const [error, expected] of rows) {
    t.equal(errorCode(error), expected);
    t.equal(describeCode(error), expected ?? 'unknown error');
  }
});
