import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { buildImage, digestOf } from './image.ts';

t.test('an image is the same each time and consistent in itself', (t) => {
  const options = { seed: 'image', layerSizes: [1000, 70_000] };
  const image = buildImage(options);
  t.equal(buildImage(options).index.digest, image.index.digest);
  t.not(buildImage({ ...options, seed: 'other' }).index.digest, image.index.digest);

  t.equal(image.manifests.length, 2);
  t.equal(image.blobs.length, 5, 'two configs, two last layers, one layer shared');
  for (const manifest of image.manifests) {
    t.equal(digestOf(manifest.bytes), manifest.digest);
    const document = JSON.parse(manifest.bytes.toString()) as { layers: { digest: string; size: number }[] };
    const config = JSON.parse(manifest.config.bytes.toString()) as { rootfs: { diff_ids: string[] } };
    for (const [position, layer] of manifest.layers.entries()) {
      t.same(document.layers[position], {
        mediaType: layer.mediaType,
        digest: digestOf(layer.bytes),
        size: layer.bytes.length,
      });
      t.equal(digestOf(gunzipSync(layer.bytes)), config.rootfs.diff_ids[position]);
    }
  }
  t.end();
});
