import { buildImage, type TestImage } from '../../test/support/image.ts';
import type { Blob, Manifest, Workspace } from '../workspace.ts';

const MEBIBYTE = 1024 ** 2;
export const LAYERS = 20;
export const LAYER_MEBIBYTES = 8;
export const TAG = 'v1';

/** An image of this machine's architecture, laid out at the origin. */
export type PullImage = {
  manifests: readonly Manifest[];
  blobs: readonly Blob[];
  /** Docker's word for it: the digest of its configuration. */
  id: string;
};

export function addPullImage(workspace: Workspace): PullImage {
  const image: TestImage = buildImage({
    seed: 'bench',
    layerSizes: Array.from({ length: LAYERS }, () => LAYER_MEBIBYTES * MEBIBYTE),
    architectures: [process.arch === 'x64' ? 'amd64' : process.arch],
  });
  const [manifest] = image.manifests;
  if (manifest === undefined) throw new Error('the image has no manifest');
  return {
    manifests: [
      workspace.addManifest(image.index.bytes, image.index.mediaType, [TAG]),
      ...image.manifests.map(({ bytes, mediaType }) => workspace.addManifest(bytes, mediaType, [])),
    ],
    blobs: image.blobs.map(({ bytes }) => workspace.addContent(bytes)),
    id: manifest.config.digest,
  };
}
