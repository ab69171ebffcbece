import { gunzipSync } from 'node:zlib';
import tap from 'tap';
import { buildImage, digestOf } from './image.ts';

await tap.test('an image is the same each time and consistent in itself', (t) => {
  const options = { seed: 'image', layerSizes: [1000, 70_000] };
  const image = buildImage(options);
  t.equal(buildImage(options).index.digest, image.index.digest);
  t.not(buildImage({ ...options, seed: 'other' }).index.digest, image.index.digest);

  t.equal(image.manifests.length, 2);
  t.equal(image.blobs.length, 5, 'two configs, two last layers, one layer shared');
  for (const manifest of image.manifests) {
    t.equal(digestOf(manifest.bytes), manifest.digest);
    const document: unknown = JSON.parse(manifest.bytes.toString());
    const config: unknown = JSON.parse(manifest.config.bytes.toString());
    t.match(document, {
      layers: manifest.layers.map((layer) => ({
        mediaType: layer.mediaType,
        digest: digestOf(layer.bytes),
        size: layer.bytes.length,
      })),
    });
    t.match(config, {
      rootfs: { diff_ids: manifest.layers.map((layer) => digestOf(gunzipSync(layer.bytes))) },
    });
  }
  t.end();
});
