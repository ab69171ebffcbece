import type { IncomingHttpHeaders } from 'node:http';
import { mock } from 'node:test';
import t from 'tap';
import { IncomingResponse } from '../../src/upstream/upstream-response.ts';

/** An answer, and what it has asked of its connection. */
function open(headers: IncomingHttpHeaders = {}) {
  const asked: string[] = [];
  const controller = {
    rawHeaders: null,
    rawTrailers: null,
    aborted: false,
    paused: false,
    reason: null,
    pause: () => asked.push('pause'),
    resume: () => asked.push('resume'),
    abort: (reason: Error) => asked.push(`abort: ${reason.name}`),
  };
  const response = new IncomingResponse(200, headers, controller);
  const push = (text: string): void => response.push(Buffer.from(text));
  return { response, push, asked };
}

t.test('read: what has come already, and what comes later', async (t) => {
  const before = open();
  before.push('ab');
  before.push('c');
  before.response.end();
  t.equal(String(await before.response.read(3)), 'abc');
  t.same(before.asked, []);

  const later = open();
  later.push('ab');
  const content = later.response.read(3);
  later.push('c');
  later.response.end();
  t.equal(String(await content), 'abc');
  t.same(later.asked, ['resume']);

  const empty = open();
  empty.response.end();
  t.equal((await empty.response.read(0)).length, 0);
});

t.test('read: one byte too many ends the connection, whenever it comes', async (t) => {
  const before = open();
  before.push('abcd');
  await t.rejects(before.response.read(3), { code: 'content_too_large' });
  const later = open();
  later.push('abc');
  const content = later.response.read(3);
  later.push('d');
  await t.rejects(content, { code: 'content_too_large' });
  for (const { asked } of [before, later]) t.equal(asked.at(-1), 'abort: ContentTooLarge');

  const whole = open();
  whole.push('abcd');
  whole.response.end();
  await t.rejects(whole.response.read(3), { code: 'content_too_large' });
  t.same(whole.asked, [], 'its connection may serve another request by now');
});

t.test('read: what does not come in time', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { response, push, asked } = open();
  push('abc');
  const content = response.read(10);
  mock.timers.tick(25_000);
  await t.rejects(content, { code: 'content_too_slow' });
  t.same(asked, ['resume', 'abort: ContentTooSlow']);
});

t.test('read: an answer that breaks off, before or while it is read', async (t) => {
  const before = open();
  before.push('abc');
  before.response.fail(new Error('cut'));
  await t.rejects(before.response.read(10), { message: 'cut' });
  const meanwhile = open();
  const content = meanwhile.response.read(10);
  meanwhile.response.fail(new Error('cut'));
  meanwhile.response.end();
  await t.rejects(content, { message: 'cut' });
});

t.test('body: the same bytes as a stream, made once', async (t) => {
  const { response, push, asked } = open();
  push('ab');
  const { body } = response;
  t.equal(response.body, body);
  const chunks = body.toArray();
  push('cd');
  response.end();
  t.equal(Buffer.concat(await chunks).toString(), 'abcd');
  t.notOk(asked.includes('pause'));
});

t.test(
  'body: an answer that breaks off is an error of the stream, and of nobody where none reads',
  async (t) => {
    const read = open();
    const chunks = read.response.body.toArray();
    read.push('ab');
    read.response.fail(new Error('cut'));
    await t.rejects(chunks, { message: 'cut' });
    const late = open();
    late.response.fail(new Error('cut'));
    await t.rejects(late.response.body.toArray(), { message: 'cut' });
    const unread = open();
    t.ok(unread.response.body);
    unread.response.fail(new Error('cut'));
    await new Promise((resolve) => unread.response.body.once('close', resolve));
  },
);

t.test('body: destroyed by its reader, it ends the connection', async (t) => {
  const { response, push, asked } = open();
  push('ab');
  response.body.on('error', () => undefined).destroy();
  await new Promise((resolve) => response.body.once('close', resolve));
  t.ok(asked.includes('abort: BodyUnwanted'));
});

t.test('the connection pauses where nobody reads what has come', async (t) => {
  const waiting = open();
  waiting.push('a'.repeat(64 * 1024 - 1));
  t.same(waiting.asked, []);
  waiting.push('a');
  t.same(waiting.asked, ['pause']);
  const content = waiting.response.read(100_000);
  t.same(waiting.asked, ['pause', 'resume']);
  waiting.push('a');
  waiting.response.end();
  t.equal((await content).length, 64 * 1024 + 1);

  const streamed = open();
  t.ok(streamed.response.body);
  streamed.push('a'.repeat(64 * 1024));
  t.same(streamed.asked, ['pause']);
});

t.test('drop: a small rest is waited for, any other is cut off', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const small = open({ 'content-length': '10' });
  small.response.drop(10, 1000);
  t.same(small.asked, ['resume']);
  small.push('a'.repeat(10));
  small.response.end();
  mock.timers.tick(1000);
  t.same(small.asked, ['resume'], 'it has come in time');

  const slow = open({ 'content-length': '10' });
  slow.response.drop(10, 1000);
  mock.timers.tick(1000);
  t.same(slow.asked, ['resume', 'abort: BodyUnwanted']);

  for (const headers of [{ 'content-length': '11' }, {}]) {
    const other = open(headers);
    other.response.drop(10, 1000);
    t.same(other.asked, ['abort: BodyUnwanted']);
  }

  const whole = open();
  whole.response.end();
  whole.response.drop(0, 1000);
  t.same(whole.asked, []);
  t.end();
});
