// Trap T10 of docs/adr/0010-traps-rerun.md.
import http from 'node:http';

import tap, { type Test } from 'tap';
import { Agent, interceptors } from 'undici';

import { listen } from './servers.ts';

const BODY = Buffer.from('0123456789');

type Origin = { origin: string; asked: () => number };

/** Answers GET with `content`, single ranges with 206, all of it cacheable for an hour; counts what it was asked. */
async function openOrigin(t: Test, content: Buffer): Promise<Origin> {
  let asked = 0;
  const server = http.createServer((request, answer) => {
    asked += 1;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const [first, last] = range ? [Number(range[1]), Number(range[2])] : [0, content.length - 1];
    answer.writeHead(range ? 206 : 200, {
      'cache-control': 'max-age=3600',
      etag: '"strong"',
      'content-length': last - first + 1,
      ...(range ? { 'content-range': `bytes ${first}-${last}/${content.length}` } : {}),
    });
    answer.end(content.subarray(first, last + 1));
  });
  return { origin: await listen(t, server), asked: () => asked };
}

function createCachingAgent(
  t: Test,
): InstanceType<typeof Agent>['compose'] extends (...a: never[]) => infer R ? R : never {
  const agent = new Agent();
  t.teardown(() => agent.close());
  return agent.compose(interceptors.cache());
}

async function get(
  dispatcher: ReturnType<typeof createCachingAgent>,
  origin: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; content: Buffer }> {
  const answer = await dispatcher.request({ origin, path: '/blob', method: 'GET', headers });
  return { status: answer.statusCode, content: Buffer.from(await answer.body.arrayBuffer()) };
}

await tap.test('a 206 is never stored', async (t) => {
  const { origin, asked } = await openOrigin(t, BODY);
  const dispatcher = createCachingAgent(t);

  await get(dispatcher, origin, { range: 'bytes=2-4' });
  const again = await get(dispatcher, origin, { range: 'bytes=2-4' });

  t.same([again.status, again.content.toString()], [206, '234']);
  t.equal(asked(), 2);
});

await tap.test('a stored 200 answers a range request with 200 and all of it', async (t) => {
  const { origin, asked } = await openOrigin(t, BODY);
  const dispatcher = createCachingAgent(t);

  await get(dispatcher, origin);
  const ranged = await get(dispatcher, origin, { range: 'bytes=2-4' });

  t.same([ranged.status, ranged.content.toString()], [200, BODY.toString()]);
  t.equal(asked(), 1);
});

await tap.test('an answer to a request with Authorization is not stored', async (t) => {
  const { origin, asked } = await openOrigin(t, BODY);
  const dispatcher = createCachingAgent(t);

  await get(dispatcher, origin, { authorization: 'Bearer x' });
  await get(dispatcher, origin, { authorization: 'Bearer x' });

  t.equal(asked(), 2);
});

await tap.test('6 MiB are not stored, 1 MiB is', async (t) => {
  const mebibyte = 1024 * 1024;
  for (const [bytes, expected] of [
    [mebibyte, 1],
    [6 * mebibyte, 2],
  ] as const) {
    const { origin, asked } = await openOrigin(t, Buffer.alloc(bytes));
    const dispatcher = createCachingAgent(t);
    await get(dispatcher, origin);
    const again = await get(dispatcher, origin);
    t.equal(again.content.length, bytes);
    t.equal(asked(), expected, `${bytes} bytes`);
  }
});
