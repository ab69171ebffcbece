import { writeFileSync } from 'node:fs';
import t from 'tap';
import { startScrub } from '../../src/cache/start-scrub.ts';
import { storeLayout } from '../../src/cache/store-layout.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { digestsOf, publishContent, randomContent } from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';

const HOUR_MS = 3600 * 1000;

/** Waits that pass at once, until a round is over or the signal says so. */
function fastPause(): {
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
  round: Promise<void>;
  waits: number[];
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  const waits: number[] = [];
  return {
    round: promise,
    waits,
    async pause(ms, signal) {
      waits.push(ms);
      if (ms < HOUR_MS) return;
      resolve();
      const ended = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => ended.reject(new Error('aborted')));
      await ended.promise;
    },
  };
}

t.test('goes round every blob, at its own speed, and ends', async (t) => {
  const digests = [1, 2, 3].map((length) => randomContent(length).digest);
  const metrics = createMetrics();
  const seen: string[] = [];
  const said: object[] = [];
  const { pause, round, waits } = fastPause();
  const stop = startScrub({
    digests: (from) => [...digests.slice(from * 2), ...digests.slice(0, from * 2)],
    async verify(digest, _signal, onSlice) {
      seen.push(digest);
      if (seen.length === 2) throw Object.assign(new Error('unreadable'), { code: 'EIO' });
      await onSlice(6 * 1024 * 1024);
    },
    metrics,
    log: { warn: (facts: object) => void said.push(facts) },
    pause,
    random: () => 0.5,
  });
  await round;
  t.same(seen, [digests[1], digests[2], digests[0]], 'from some place on');
  t.same(said, [{ digest: digests[2], error: 'EIO' }], 'what could not be read is said');
  t.same(waits, [600_000, 1000, 60_000, 1000, 24 * HOUR_MS]);
  t.equal(await metrics.cacheScrubbedBytes.value({}), 12 * 1024 * 1024);
  await stop();
});

t.test('finds what is damaged', async (t) => {
  const { pause, round } = fastPause();
  const held = Promise.withResolvers<void>();
  const { store, directory, metrics } = await openTestStore(t, {
    async pause(ms, signal) {
      await held.promise;
      await pause(ms, signal);
    },
  });
  const [bad, good] = [randomContent(3000), randomContent(3000)];
  for (const content of [bad, good]) await publishContent(store, content);
  writeFileSync(storeLayout(directory).blob(bad.digest), good.bytes);
  held.resolve();
  await round;
  t.same(await digestsOf(store), [good.digest]);
  t.equal(await metrics.cacheEvictions.value({ reason: 'damaged' }), 1);
  t.equal(await metrics.cacheScrubbedBytes.value({}), 6000);
});
