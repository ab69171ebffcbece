import t from 'tap';
import { parseTokenDocument } from '../../src/upstream/token-document.ts';

const parse = (text: string): unknown => parseTokenDocument(Buffer.from(text));

t.test('token documents', async (t) => {
  t.same(parse('{"token":"a.b.c","expires_in":300}'), { token: 'a.b.c', expiresInSeconds: 300 });
  t.same(parse('{"access_token":"x"}'), { token: 'x', expiresInSeconds: 60 });
  t.same(parse('{"token":"x","access_token":"y","expires_in":1e12}'), {
    token: 'x',
    expiresInSeconds: 86_400,
  });
  t.same(parse('{"token":"x","expires_in":-5}'), { token: 'x', expiresInSeconds: 60 });
  t.same(parse('{"token":"x","expires_in":"300"}'), { token: 'x', expiresInSeconds: 60 });
});

t.test('unusable ones fail without being repeated', async (t) => {
  for (const text of [
    '',
    'secret',
    '[]',
    'null',
    '{}',
    '{"token":5}',
    '{"token":""}',
    '{"token":"secret\\r\\nx"}',
  ]) {
    let failure: unknown;
    try {
      parse(text);
    } catch (error) {
      failure = error;
    }
    t.match(
      failure,
      { kind: 'http_protocol_error', where: 'token_service', message: /^(?!.*secret)/s },
      text,
    );
  }
});
