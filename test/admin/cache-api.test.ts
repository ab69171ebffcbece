import t, { type Test } from 'tap';

import { createCacheApi } from '../../src/admin/cache-api.ts';
import type { BlobStore } from '../../src/cache/blob-store.ts';
import { publishContent, randomContent } from '../support/contract/blob-store.ts';
import { openTestStore } from '../support/disk-store.ts';

const contents = [randomContent(10), randomContent(20), randomContent(30)] as const;
const digests = contents.map(({ digest }) => digest).toSorted();

async function api(t: Test, changes: (store: BlobStore) => Partial<BlobStore> = () => ({})) {
  const { store } = await openTestStore(t);
  for (const content of contents) await publishContent(store, content);
  const changed: BlobStore = Object.create(store, Object.getOwnPropertyDescriptors(changes(store)));
  const handle = createCacheApi(changed, { waitMs: 1, pageEntries: 2 });
  return {
    store,
    ask: (method: string, path: string) => handle({ method, path: `/v1/cache${path}`, body: undefined }),
  };
}

t.test('without a cache it says so', async (t) => {
  t.match(await createCacheApi(undefined)({ method: 'GET', path: '/v1/cache', body: undefined }), {
    status: 404,
    document: { error: { code: 'no_cache', message: /cache\.directory/ } },
  });
});

t.test('usage, and the blobs page by page', async (t) => {
  const { ask } = await api(t);
  t.match(await ask('GET', ''), { status: 200, document: { entries: 3, bytes: 60, partials: 0 } });
  t.match(await ask('GET', '/blobs'), {
    document: { blobs: digests.slice(0, 2).map((digest) => ({ digest })), next: digests[1] },
  });
  const { document } = await ask('GET', `/blobs?after=${encodeURIComponent(digests[1] ?? '')}`);
  t.match(document, { blobs: [{ digest: digests[2] }] });
  t.notMatch(document, { next: String });
});

t.test('a page of many blobs lets others have their turn, and is the first of them by digest', async (t) => {
  const many = Array.from({ length: 50 }, () => ({
    digest: randomContent(8).digest,
    bytes: 8,
    publishedAt: 1,
    lastUsedAt: 1,
  }));
  let others = 0;
  const seen: number[] = [];
  const { ask } = await api(t, () => ({
    async *list() {
      for (const entry of many) {
        // As long as a turn may take.
        for (const from = performance.now(); performance.now() - from < 11; );
        seen.push(others);
        yield entry;
      }
    },
  }));
  const timer = setInterval(() => (others += 1), 0);
  t.teardown(() => clearInterval(timer));
  const sorted = many.map(({ digest }) => digest).toSorted();
  t.match((await ask('GET', '/blobs')).document, {
    blobs: sorted.slice(0, 2).map((digest) => ({ digest })),
    next: sorted[1],
  });
  t.ok((seen.at(-1) ?? 0) > 1, 'they had theirs in the middle of it');
  const rest = await ask('GET', `/blobs?after=${encodeURIComponent(sorted[46] ?? '')}`);
  t.match(rest.document, { blobs: sorted.slice(47, 49).map((digest) => ({ digest })), next: sorted[48] });
});

t.test('remove', async (t) => {
  const { store, ask } = await api(t);
  const [content] = contents;
  const reader = await store.open(content.digest);
  t.same((await ask('DELETE', `/blobs/${content.digest}`)).document, { result: 'in_use' });
  reader?.close();
  t.same((await ask('DELETE', `/blobs/${content.digest}`)).document, { result: 'removed' });
  t.same((await ask('DELETE', `/blobs/${content.digest}`)).document, { result: 'absent' });
});

t.test('what takes long is asked for again', async (t) => {
  const hashed = Promise.withResolvers<'ok'>();
  const asked: string[] = [];
  const { ask } = await api(t, () => ({
    verify: (digest) => {
      asked.push(digest);
      return hashed.promise;
    },
  }));
  const path = `/blobs/${contents[0].digest}/verify`;
  t.same((await ask('POST', path)).document, { result: 'running' });
  t.same((await ask('POST', path)).document, { result: 'running' });
  for (let other = 1; other < 4; other += 1)
    await ask('POST', `/blobs/${randomContent(other).digest}/verify`);
  t.equal(asked.length, 4, 'each once');
  t.same((await ask('POST', '/collect')).document, { result: 'running' }, 'no more than four at a time');
  hashed.resolve('ok');
  t.same((await ask('POST', path)).document, { result: 'ok' });
  t.same((await ask('POST', '/collect')).document, { result: 0 });
});

t.test('a failure is told once, in its own words', async (t) => {
  const { ask } = await api(t, () => ({
    collect: () => Promise.reject(new Error('EIO: i/o error')),
    remove: () => Promise.reject(new Error('EROFS: read-only')),
  }));
  const collected = await ask('POST', '/collect');
  t.match(collected, { status: 500, document: { error: { code: 'cache_failed', message: /EIO/ } } });
  const removed = await ask('DELETE', `/blobs/${contents[0].digest}`);
  t.match(removed, { status: 500, document: { error: { code: 'cache_failed', message: /EROFS/ } } });
});

t.test('everything else is refused', async (t) => {
  const { ask } = await api(t);
  for (const [method, path, status] of [
    ['GET', '/other', 404],
    ['PATCH', '', 404],
    ['GET', `/blobs/${digests[0]}`, 404],
    ['DELETE', '/blobs/sha256:00', 400],
    ['DELETE', '/blobs/..', 404],
    ['POST', `/blobs/${digests[0]}/other`, 404],
  ] as const) {
    t.equal((await ask(method, path)).status, status, `${method} ${path}`);
  }
});
