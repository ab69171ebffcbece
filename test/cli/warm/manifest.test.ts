import t from 'tap';
import { parseManifest } from '../../../src/cli/warm/manifest.ts';
import { buildImage, digestOf } from '../../support/image.ts';

const read = (document: unknown) => parseManifest(Buffer.from(JSON.stringify(document)));
const blob = (mediaType: string) => ({ mediaType, digest: digestOf(Buffer.from(mediaType)), size: 3 });

t.test('an index and an image manifest', async (t) => {
  const image = buildImage({ seed: 'manifest', layerSizes: [10, 20] });
  const index = parseManifest(image.index.bytes);
  t.match(index, { kind: 'index' });
  const entries = index?.kind === 'index' ? index.manifests : [];
  t.same(
    entries.map(({ digest, platform }) => [digest, platform?.architecture]),
    image.manifests.map(({ digest, architecture }) => [digest, architecture]),
  );
  const [first] = image.manifests;
  const manifest = parseManifest(first?.bytes ?? Buffer.alloc(0));
  const blobs = manifest?.kind === 'image' ? manifest.blobs : [];
  t.same(
    blobs.map(({ digest, size }) => [digest, size]),
    [first?.config, ...(first?.layers ?? [])].map((part) => [part?.digest, part?.bytes.length]),
  );
});

t.test('layers that no registry holds are left out', async (t) => {
  const foreign = blob('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip');
  const restricted = blob('application/vnd.oci.image.layer.nondistributable.v1.tar');
  const manifest = read({ config: blob('config'), layers: [foreign, blob('layer'), restricted] });
  t.match(manifest, { kind: 'image', foreign: 2, blobs: { length: 2 } });
});

t.test('what is none, or says too little', async (t) => {
  t.equal(parseManifest(Buffer.from('<html>')), undefined);
  const bad = [
    { digest: 'sha256:1', size: 1 },
    { ...blob('x'), size: -1 },
    { ...blob('x'), size: '1' },
    null,
  ];
  for (const descriptor of bad) {
    t.equal(read({ layers: [descriptor] }), undefined);
    t.equal(read({ manifests: [descriptor] }), undefined);
  }
  for (const document of [null, [], 1, {}, { schemaVersion: 1, fsLayers: [] }, { layers: {} }]) {
    t.equal(read(document), undefined, JSON.stringify(document));
  }
});
