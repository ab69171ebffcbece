// Trap T11 of docs/adr/0010-traps-rerun.md.
import http from 'node:http';

import tap, { type Test } from 'tap';
import { Agent, RetryAgent } from 'undici';

import { listen } from './servers.ts';

const FIRST = 'AAAAAAAAAA';
const SECOND = 'BBBBBBBBBB';
const CUT_AT = 5;

type Asked = { range: string | undefined; ifMatch: string | undefined };
type Origin = { origin: string; asked: Asked[] };

/**
 * Sends `FIRST` under `etag` and cuts it after five bytes; every later request finds other content, `SECOND`, under
 * `laterEtag`, and is answered as asked. If-Match is honoured by strong comparison.
 */
async function openChangingOrigin(
  t: Test,
  etag: string | undefined,
  laterEtag: string | undefined,
): Promise<Origin> {
  const asked: Asked[] = [];
  const server = http.createServer((request, answer) => {
    asked.push({ range: request.headers.range, ifMatch: request.headers['if-match'] });
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const firstPos = range ? Number(range[1]) : 0;
    const lastPos = range?.[2] ? Number(range[2]) : 9;
    const first = asked.length === 1;
    const tag = first ? etag : laterEtag;
    const ifMatch = request.headers['if-match'];
    if (ifMatch !== undefined && (ifMatch !== tag || ifMatch.startsWith('W/'))) {
      answer.writeHead(412).end();
      return;
    }
    answer.writeHead(range ? 206 : 200, {
      'content-length': lastPos - firstPos + 1,
      ...(tag === undefined ? {} : { etag: tag }),
      ...(range ? { 'content-range': `bytes ${firstPos}-${lastPos}/10` } : {}),
    });
    const content = (first ? FIRST : SECOND).slice(firstPos, lastPos + 1);
    if (first) answer.write(content.slice(0, CUT_AT), () => answer.destroy());
    else answer.end(content);
  });
  return { origin: await listen(t, server), asked };
}

async function get(t: Test, origin: string, headers: Record<string, string> = {}): Promise<string> {
  const agent = new Agent();
  t.teardown(() => agent.close());
  const dispatcher = new RetryAgent(agent, { minTimeout: 1, maxTimeout: 1, maxRetries: 2 });
  const answer = await dispatcher.request({ origin, path: '/blob', method: 'GET', headers });
  return answer.body.text();
}

await tap.test(
  'without an entity tag, or with a weak one, two bodies are mixed and given as a success',
  async (t) => {
    for (const [etag, laterEtag] of [
      [undefined, undefined],
      ['W/"1"', 'W/"2"'],
    ] as const) {
      const { origin, asked } = await openChangingOrigin(t, etag, laterEtag);
      t.equal(await get(t, origin), 'AAAAABBBBB', etag ?? 'no entity tag');
      t.same(asked[1], { range: 'bytes=5-9', ifMatch: undefined });
    }
  },
);

await tap.test('with a strong entity tag it resumes with If-Match and refuses changed content', async (t) => {
  const changed = await openChangingOrigin(t, '"1"', '"2"');
  await t.rejects(get(t, changed.origin), { code: 'UND_ERR_REQ_RETRY' });
  t.same(changed.asked[1], { range: 'bytes=5-9', ifMatch: '"1"' });

  const same = await openChangingOrigin(t, '"1"', '"1"');
  t.equal(await get(t, same.origin), 'AAAAABBBBB');
});

await tap.test("a client's own range is resumed from where it stopped, inside that range", async (t) => {
  const { origin, asked } = await openChangingOrigin(t, '"1"', '"1"');
  await get(t, origin, { range: 'bytes=2-8' });
  t.same(
    asked.map(({ range }) => range),
    ['bytes=2-8', 'bytes=7-8'],
  );
});

await tap.test('a 206 with another Content-Range is refused', async (t) => {
  let asked = 0;
  const server = http.createServer((_request, answer) => {
    asked += 1;
    if (asked === 1) {
      answer.writeHead(200, { 'content-length': 10, etag: '"1"' });
      answer.write(FIRST.slice(0, CUT_AT), () => answer.destroy());
    } else {
      answer
        .writeHead(206, { 'content-length': 4, 'content-range': 'bytes 6-9/10', etag: '"1"' })
        .end('AAAA');
    }
  });
  await t.rejects(get(t, await listen(t, server)), { code: 'UND_ERR_REQ_RETRY' });
});
