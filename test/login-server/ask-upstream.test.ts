import t from 'tap';
import { bytesOf } from '../../src/login-server/ask-upstream.ts';

t.test('an answer has the bytes of its body, and of the names and values of its fields', async (t) => {
  t.equal(bytesOf({ headers: {}, body: Buffer.alloc(0) }), 0);
  const headers = { 'content-type': 'text/html', 'set-cookie': ['a=b', 'c=d'] };
  t.equal(bytesOf({ headers, body: Buffer.alloc(9_000) }), 9_000 + 12 + 9 + 10 + 7);
});
