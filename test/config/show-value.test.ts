import t from 'tap';
import { describeValue, showValue } from '../../src/config/show-value.ts';

t.test('scalars are shown as they stand there, and no password', async (t) => {
  t.equal(showValue('a "b"'), '"a \\"b\\""');
  t.equal(showValue('https://user:secret@host.example/x'), '"https://…@host.example/x"');
  t.equal(showValue('x'.repeat(100)), `"${'x'.repeat(80)}…"`);
  t.equal(showValue(5), '5');
  t.equal(showValue(false), 'false');
  t.equal(showValue(['secret']), 'a list');
  t.equal(showValue({ password: 'secret' }), 'a group of fields');
  t.equal(showValue(null), 'empty');
});

t.test('values by their kind', async (t) => {
  t.equal(describeValue('x'), 'the text "x"');
  t.equal(describeValue(5), 'the number 5');
  t.equal(describeValue(null), 'empty');
});
