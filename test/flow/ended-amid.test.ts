import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Config, RegistryConfig } from '../../src/config/config.ts';
import { NO_BLOB_CACHE, type TestBerth } from '../support/berth.ts';
import { testDirectory } from '../support/test-directory.ts';
import { until } from '../support/until.ts';
import { openResumeScene, type ResumeScene } from './resuming.ts';

const MIDDLE = 900_000;
const PIECE_BYTES = 64 * 1024;

type Kind = 'stream' | 'fill';

function openKind(t: Test, kind: Kind, config: Partial<Config> = {}): Promise<ResumeScene> {
  const cache = {
    ...NO_BLOB_CACHE,
    memoryMaxBytes: 1024 * 1024,
    directory: kind === 'fill' ? join(testDirectory(t), 'cache') : null,
    pieceBytes: PIECE_BYTES,
  };
  return openResumeScene(t, { config: { cache, ...config } });
}

/** A registry by another name, so that the configuration has one when the scene's is gone. */
function withoutScene(berth: TestBerth): Config {
  const [registry] = berth.config.registries;
  if (registry === undefined) throw new Error('no registry');
  const other: RegistryConfig = {
    ...registry,
    name: 'other',
    loginServer: 'other.example',
    delivery: 'inline',
    dataEndpoint: null,
    scheme: 'http',
  };
  return { ...berth.config, registries: [other] };
}

async function remove(berth: TestBerth): Promise<void> {
  await berth.app.reload({
    config: async () => withoutScene(berth),
    ticketKeys: async () => berth.ticketKeys,
  });
  const applied = await berth.metric('berth_config_reloads_total', {
    part: 'configuration',
    result: 'applied',
  });
  if (applied !== 1) throw new Error('the configuration was not taken up');
}

/** The host is busy after its first answers, and says for how long; of a fill each piece is a request. */
function becomeBusy({ one }: ResumeScene, kind: Kind, seconds: number): void {
  one.acts.push(...(kind === 'fill' ? [{}, {}] : [{ endsAt: MIDDLE }]));
  one.act = { status: 503, headers: { 'retry-after': String(seconds) } };
}

/** It stands still after its first answers; resolves when it does. */
function becomeSilent({ one }: ResumeScene, kind: Kind): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (kind === 'fill') one.acts.push({}, {});
  one.act = { endsAt: kind === 'fill' ? 1 : MIDDLE, how: 'stall', sent: resolve };
  return promise;
}

const wasRefused = (scene: ResumeScene) => async (): Promise<boolean> =>
  (await scene.berth.metric('berth_upstream_failures_total', { reason: 'http_request_error' })) > 0;

for (const kind of ['stream', 'fill'] as const) {
  t.test(`E9 SIGTERM while a ${kind} backs off: it ends short by the drain deadline`, async (t) => {
    const scene = await openKind(t, kind);
    const { one, berth } = scene;
    const url = await scene.ticketUrl();
    becomeBusy(scene, kind, 29);
    const answer = scene.send(url);
    await until(wasRefused(scene), 'it waits for its next try');
    const asked = one.requests.length;
    await berth.app.stop();
    const got = await answer;
    t.equal(got.ended, 'short');
    t.ok(got.body.length > 0);
    t.ok(got.body.equals(scene.blob.subarray(0, got.body.length)), 'the right beginning');
    t.equal(one.requests.length, asked, 'before its next try, for which it would have waited longer');
    t.match(
      berth.log.find((line) => line['route'] === 'blob' && line['outcome'] === 'drain_deadline'),
      { digest: scene.digest },
    );
  });

  t.test(`R3 a ${kind} goes on although its registry is removed amid it`, async (t) => {
    const scene = await openKind(t, kind);
    const { one, other, links, berth } = scene;
    const url = await scene.ticketUrl();
    const isSilent = becomeSilent(scene, kind);
    const answer = scene.send(url);
    await isSilent;
    await remove(berth);
    t.equal((await scene.send(scene.blobPath)).status, 421, 'there is no such registry any more');
    // Its link is of no more use, either: the upstream that it began with is asked anew.
    links.next = () => other.url();
    one.act = { status: 403 };
    one.dropConnections();
    const got = await answer;
    t.equal(got.ended, 'complete');
    t.ok(got.body.equals(scene.blob));
    t.ok(other.requests.length > 0);
  });
}

t.test('R3 a fill whose registry is removed ends when nobody reads it any more', async (t) => {
  const scene = await openKind(t, 'fill');
  const { one, berth } = scene;
  const url = await scene.ticketUrl();
  const leave = Promise.withResolvers<void>();
  becomeBusy(scene, 'fill', 1);
  const left = scene.send(url, { hangUpWhen: leave.promise }).catch(() => undefined);
  await until(wasRefused(scene), 'it waits for its next try');
  await remove(berth);
  t.equal(await berth.metric('berth_fills_in_flight'), 1);
  leave.resolve();
  await left;
  await until(async () => (await berth.metric('berth_fills_in_flight')) === 0, 'the fill has ended');
  one.dropConnections();
  await berth.app.stop();
  t.pass('and nothing keeps Berth from its end');
});
