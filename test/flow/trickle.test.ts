import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { TEST_LIMITS, TEST_TIMEOUTS } from '../support/config-defaults.ts';
import { testDirectory } from '../support/test-directory.ts';
import { openResumeScene, type ResumeScene } from './resuming.ts';

const MIDDLE = 900_000;

function impatient(upstreamMinBytesPerSecond: number) {
  return {
    timeouts: { ...TEST_TIMEOUTS, idleSeconds: 1 },
    limits: { ...TEST_LIMITS, upstreamMinBytesPerSecond },
  };
}

function slowResumes({ berth }: ResumeScene): Promise<number> {
  return berth.metric('berth_blob_resumes_total', { reason: 'slow' });
}

t.test('E8 a source that brings a byte now and then is left like one that is silent', async (t) => {
  const scene = await openResumeScene(t, { config: impatient(1024) });
  const { one, other, links } = scene;
  const url = await scene.ticketUrl();
  links.next = () => other.url();
  one.act = { endsAt: MIDDLE, how: 'trickle' };
  const got = await scene.send(url);
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob), 'one body, and the right one');
  t.equal(await slowResumes(scene), 1);
  t.equal(await scene.berth.metric('berth_upstream_failures_total', { reason: 'http_response_too_slow' }), 1);
  const from = Number(/^bytes=(\d+)-/.exec(other.requests[0]?.headers.range ?? '')?.[1]);
  t.ok(from > MIDDLE && from < MIDDLE + 1024, `it went on at its byte, ${from}`);
});

t.test('E8 where all tries are used up it ends as silence does: short, with FIN', async (t) => {
  const scene = await openResumeScene(t, {
    config: impatient(1024),
    resumeLimits: { triesWithoutProgress: 1 },
  });
  const { one } = scene;
  const url = await scene.ticketUrl();
  one.act = { endsAt: MIDDLE, how: 'trickle' };
  const got = await scene.send(url);
  t.equal(got.ended, 'short');
  t.ok(got.body.length > MIDDLE);
  t.ok(got.body.equals(scene.blob.subarray(0, got.body.length)));
  t.equal(await scene.berth.metric('berth_blob_incomplete_total', { reason: 'http_response_too_slow' }), 1);
});

t.test('E8 a fill leaves it, too', async (t) => {
  const scene = await openResumeScene(t, {
    config: {
      ...impatient(1024),
      cache: { ...NO_BLOB_CACHE, memoryMaxBytes: 1024 * 1024, directory: `${testDirectory(t)}/cache` },
    },
  });
  const { one, other, links } = scene;
  const url = await scene.ticketUrl();
  links.next = () => other.url();
  one.act = { endsAt: MIDDLE, how: 'trickle' };
  const got = await scene.send(url);
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob));
  t.ok((await slowResumes(scene)) >= 1);
});

t.test('E8 with 0 whatever comes is enough', async (t) => {
  const scene = await openResumeScene(t, { config: impatient(0) });
  const { one } = scene;
  const url = await scene.ticketUrl();
  const size = scene.blob.length;
  // Longer than two windows: ten bytes a second.
  one.acts.push({ endsAt: size - 25, how: 'trickle' });
  const got = await scene.send(url);
  t.equal(got.ended, 'complete');
  t.ok(got.body.equals(scene.blob));
  t.equal(await slowResumes(scene), 0);
  t.equal(one.requests.length, 1);
});
