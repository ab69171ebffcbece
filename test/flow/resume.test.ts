import t, { type Test } from 'tap';
import { BODY_RESUME_LIMITS } from '../../src/blob/resume.ts';

import { type Act, openResumeScene, type ResumeScene } from './resuming.ts';

const PATIENCE = {
  connectSeconds: 5,
  headersSeconds: 5,
  commitSeconds: 30,
  idleSeconds: 1,
  requestHeadersSeconds: 5,
  drainSeconds: 1,
};
const MIDDLE = 900_000;
const RANGE = { range: 'bytes=300000-1799999' };

/** Whole and range are what the blob says, in one body. */
async function isRight(t: Test, scene: ResumeScene, url: string, why: string, headers = {}): Promise<void> {
  const got = await scene.send(url, { headers });
  t.equal(got.ended, 'complete', why);
  const range = 'range' in headers;
  t.equal(got.status, range ? 206 : 200);
  t.ok(got.body.equals(range ? scene.blob.subarray(300_000, 1_800_000) : scene.blob), `${why}: right bytes`);
}

t.test('E1 whatever stops a body, it goes on at its byte and the client sees one', async (t) => {
  const scene = await openResumeScene(t, { config: { timeouts: PATIENCE } });
  const { one } = scene;
  const url = await scene.ticketUrl();
  const stops: [string, Act[], string][] = [
    ['cut', [{ endsAt: MIDDLE }], 'cut'],
    ['reset', [{ endsAt: MIDDLE, how: 'reset' }], 'cut'],
    ['silence', [{ endsAt: MIDDLE, how: 'stall' }], 'stall'],
    ['500 after a cut', [{ endsAt: MIDDLE }, { status: 500 }], 'server_error'],
    ['408 after a cut', [{ endsAt: MIDDLE }, { status: 408 }], 'server_error'],
    ['503 after a cut', [{ endsAt: MIDDLE }, { status: 503 }], 'busy'],
    ['another range after a cut', [{ endsAt: MIDDLE }, { shifted: true }], 'wrong_answer'],
    ['no answer after a cut', [{ endsAt: MIDDLE }, { endsAt: 0 }, { endsAt: 0, how: 'reset' }], 'cut'],
    ['cut again and again', [1, 2, 3, 4, 5, 6, 7].map((n) => ({ endsAt: n * 250_000 })), 'cut'],
    ['cut before the last byte', [{ endsAt: 1_799_999 }, { endsAt: 1_999_999 }], 'cut'],
  ];
  for (const headers of [{}, RANGE]) {
    for (const [why, acts, reason] of stops) {
      const before = await scene.berth.metric('berth_blob_resumes_total', { reason });
      one.acts.splice(0, 9, ...acts);
      one.requests.length = 0;
      await isRight(t, scene, url, why, headers);
      t.ok((await scene.berth.metric('berth_blob_resumes_total', { reason })) > before, `${why} is counted`);
      const [, second] = one.requests;
      t.match(
        second?.headers.range,
        /^bytes=(?!0-)\d+-1[79]99999$/,
        `${why}: one range, from where it stopped`,
      );
      t.equal(second?.headers['if-match'], one.etag);
    }
  }
  t.equal(await scene.berth.metric('berth_blob_incomplete_total'), 0);
});

t.test('E1 Retry-After is waited for, but not for long; tries without progress end', async (t) => {
  const scene = await openResumeScene(t);
  const { one } = scene;
  const url = await scene.ticketUrl();
  one.acts.push({ endsAt: MIDDLE }, { status: 503, headers: { 'retry-after': '1' } });
  await isRight(t, scene, url, 'a second is waited for');
  one.acts.push({ endsAt: MIDDLE }, { status: 429, headers: { 'retry-after': '31' } });
  const busy = await scene.send(url);
  t.equal(busy.ended, 'short');
  t.equal(busy.body.length, MIDDLE);
  one.acts.push({ endsAt: MIDDLE });
  one.act = { endsAt: 0 };
  one.requests.length = 0;
  const dead = await scene.send(url);
  t.equal(dead.ended, 'short', 'with FIN, as D10 has it');
  t.ok(dead.body.equals(scene.blob.subarray(0, MIDDLE)));
  // Each try without an answer is made twice, since a kept connection may have been closed under it.
  t.ok(
    one.requests.length <= 1 + 2 * BODY_RESUME_LIMITS.triesWithoutProgress,
    `${one.requests.length} requests`,
  );
});

t.test('E2 another body at the same host: the whole is proved, a range ends', async (t) => {
  const scene = await openResumeScene(t, { registry: { publicProbe: false } });
  const { one } = scene;
  const url = await scene.ticketUrl();
  const change = () => {
    one.etag = `"${Math.random()}"`;
  };
  one.acts.push({ endsAt: MIDDLE, sent: change });
  await isRight(t, scene, url, 'the same bytes under another name');
  one.acts.push({ endsAt: MIDDLE, sent: change });
  const range = await scene.send(url, { headers: RANGE });
  t.equal(range.ended, 'short', 'a range that nothing proves ends');
  t.ok(scene.blob.subarray(300_000, MIDDLE).equals(range.body));
  const { bytes } = one;
  one.acts.push({
    endsAt: MIDDLE,
    sent() {
      change();
      one.bytes = Buffer.from(bytes.map((byte) => byte ^ 1));
    },
  });
  t.equal((await scene.send(url)).ended, 'reset', 'two bodies in one are never complete');
  one.bytes = bytes.subarray(0, -1000);
  one.acts.push({ endsAt: MIDDLE, sent: change });
  one.bytes = bytes;
  await isRight(t, scene, url, 'and all is well again');
});

t.test('E2 another body at the host that a range went on at ends it as well', async (t) => {
  const scene = await openResumeScene(t);
  const { one, other, links } = scene;
  for (const headers of [RANGE, {}]) {
    one.act = {};
    links.next = () => one.url();
    const url = await scene.ticketUrl();
    links.next = () => other.url(`next${Math.random()}`);
    one.acts.push({ endsAt: 500_000, sent: () => void (one.act = { status: 500 }) });
    other.acts.push({ endsAt: MIDDLE, sent: () => void (other.etag = `"${Math.random()}"`) });
    const got = await scene.send(url, { headers });
    t.equal(got.ended, headers === RANGE ? 'short' : 'complete');
    t.ok(
      got.body.equals(
        scene.blob.subarray(headers === RANGE ? 300_000 : 0, headers === RANGE ? MIDDLE : undefined),
      ),
    );
  }
});

t.test('E2 a source without ETag, and one that ignores Range, go on, too', async (t) => {
  const scene = await openResumeScene(t);
  const { one } = scene;
  const url = await scene.ticketUrl();
  for (const etag of [undefined, 'W/"weak"']) {
    one.etag = etag;
    one.requests.length = 0;
    one.acts.push({ endsAt: MIDDLE });
    await isRight(t, scene, url, `ETag ${etag}`);
    t.equal(one.requests[1]?.headers['if-match'], undefined);
  }
  for (const headers of [{}, RANGE]) {
    one.acts.push({ endsAt: MIDDLE }, { ignoresRange: true });
    await isRight(t, scene, url, 'its beginning is dropped', headers);
  }
  one.act = { endsAt: 1_500_000, ignoresRange: true };
  const got = await scene.send(url);
  t.equal(got.ended, 'short', 'but not for ever');
  const sent = await scene.berth.metric('berth_upstream_bytes_total', { upstream: 'storage' });
  t.ok(sent > 0);
  t.equal(got.body.length, 1_500_000);
});

t.test(
  'E3 a link that is refused, or a host that fails, is replaced by asking the upstream anew',
  async (t) => {
    const scene = await openResumeScene(t);
    const { one, other, links } = scene;
    let count = 0;
    const another = () => {
      links.next = () => other.url(`two${(count += 1)}`);
    };
    for (const [why, acts] of [
      ['its signature ends', [{ endsAt: MIDDLE }, { status: 403 }]],
      ['its host is gone', [{ endsAt: MIDDLE }, { endsAt: 0 }, { endsAt: 0 }, { endsAt: 0 }, { endsAt: 0 }]],
      [
        'its host has too much to do',
        [{ endsAt: MIDDLE }, { status: 503, headers: { 'retry-after': '60' } }],
      ],
      ['it is refused at once', [{ status: 403 }]],
      ['its host is busy at once', [{ status: 503, headers: { 'retry-after': '60' } }]],
    ] satisfies [string, Act[]][]) {
      for (const headers of [{}, RANGE]) {
        links.next = () => one.url(`one${(count += 1)}`);
        scene.registry.requests.length = 0;
        const url = await scene.ticketUrl();
        another();
        one.acts.splice(0, 9, ...acts);
        other.requests.length = 0;
        await isRight(t, scene, url, why, headers);
        t.ok(other.requests.length > 0, `${why}: went on at the other`);
        t.equal(other.requests[0]?.headers['if-match'], undefined, 'which has names of its own');
      }
    }
    t.ok((await scene.berth.metric('berth_source_renewals_total', { result: 'ok' })) >= 10);
  },
);
