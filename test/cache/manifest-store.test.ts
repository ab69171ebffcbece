import t from 'tap';
import { createManifestStore } from '../../src/cache/manifest-store.ts';
import { contentOf } from '../support/contract/blob-store.ts';

const mediaType = 'application/json';

/** As they come from the upstream: put together in what Node shares out among small buffers. */
function manifestOf(text: string) {
  const { digest } = contentOf(Buffer.from(text));
  const half = text.length >> 1;
  const content = Buffer.concat([Buffer.from(text.slice(0, half)), Buffer.from(text.slice(half))]);
  return { digest, mediaType, content };
}

t.test('keeps no memory alive beside what it counts', async (t) => {
  const store = createManifestStore(1024 * 1024);
  const memory = new Set<ArrayBufferLike>();
  for (let number = 0; number < 300; number += 1) {
    const manifest = manifestOf(`{"number":${number},"config":"${'x'.repeat(400)}"}`);
    store.set('contoso', manifest);
    const kept = store.get('contoso', manifest.digest)?.content;
    t.same(kept, manifest.content);
    if (kept !== undefined) memory.add(kept.buffer);
  }
  const bytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  t.equal(memory.size, 300, 'one that stays keeps none of those that go');
  t.ok(bytes <= store.sizeBytes, `${bytes} bytes of memory, ${store.sizeBytes} counted`);
});

t.test('takes what lies in memory of its own as it is', async (t) => {
  const store = createManifestStore(1024 * 1024);
  const content = Buffer.alloc(100_000, 'a');
  const { digest } = contentOf(content);
  store.set('contoso', { digest, mediaType, content });
  t.equal(store.get('contoso', digest)?.content, content);
});
