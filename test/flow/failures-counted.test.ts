import t from 'tap';
import { NO_BLOB_CACHE } from '../support/berth.ts';
import { openResumeScene } from './resuming.ts';

t.test('E1 K8 a failure of storage is counted once, however many wait for the blob', async (t) => {
  for (const isShared of [false, true]) {
    for (const opens of [false, true]) {
      const cache = {
        ...NO_BLOB_CACHE,
        memoryMaxBytes: 1024 * 1024,
        directory: isShared ? t.testdir({}) : null,
      };
      const scene = await openResumeScene(t, { config: { cache } });
      const { one, berth } = scene;
      const urls = [await scene.ticketUrl(), await scene.ticketUrl(), await scene.ticketUrl()];
      if (opens) one.acts.push({});
      one.act = { status: 404 };
      await Promise.all(urls.map((url) => scene.send(url)));
      const failed = one.requests.length - (opens ? 1 : 0);
      const labels = { upstream: 'storage', reason: 'http_request_error' };
      const counted = await berth.metric('berth_upstream_failures_total', labels);
      t.equal(counted, failed, `shared: ${isShared}, opens: ${opens}`);
    }
  }
});
