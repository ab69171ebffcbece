import t from 'tap';
import { describeError } from '../../src/listener/describe-error.ts';

t.test('named fields only, queries taken out, causes followed to a depth', (t) => {
  const socket = Object.assign(new Error('connect ECONNREFUSED'), {
    code: 'ECONNREFUSED',
    headers: { cookie: 'c' },
  });
  const inner = Object.assign(new Error('GET https://s.example/b?sig=hunter2 failed', { cause: socket }), {
    kind: 'connection_refused',
    code: 'X',
  });
  t.same(describeError(new TypeError('no blob', { cause: inner })), {
    name: 'TypeError',
    message: 'no blob',
    cause: {
      name: 'Error',
      message: 'GET https://s.example/b?REDACTED failed',
      code: 'connection_refused',
      cause: { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    },
  });
  t.end();
});

t.test('bounded: long messages, circular causes, and what is no Error', (t) => {
  const error = new Error('x'.repeat(10_000));
  error.cause = error;
  const described = describeError(error);
  t.equal(described.message.length, 500);
  t.equal(JSON.stringify(described).split('"message"').length - 1, 4);
  t.same(describeError('a string with a secret'), { name: 'string', message: 'not an Error was thrown' });
  t.end();
});

t.test('the stack on request, without queries', (t) => {
  t.notOk('stack' in describeError(new Error('x')));
  const { stack } = describeError(new Error('at https://s.example/?sig=hunter2'), { stack: true });
  t.match(stack, /describe-error\.test\.ts/);
  t.notMatch(stack, /hunter2/);
  t.end();
});
