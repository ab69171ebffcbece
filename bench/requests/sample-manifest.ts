import { MANIFEST_TYPE } from '../../test/support/image.ts';
import type { Manifest, Workspace } from '../workspace.ts';

/** An image of some forty layers. */
const MANIFEST_BYTES = 8 * 1024;

/** Lays out a manifest of 8 KiB by its digest and by the tag `v1`. */
export function addSampleManifest(workspace: Workspace): Manifest & { byDigest: string; byTag: string } {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: `sha256:${'0'.repeat(64)}`,
    size: 2,
  };
  const content = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config,
    layers: [],
    annotations: { fill: '' },
  };
  content.annotations.fill = 'x'.repeat(MANIFEST_BYTES - JSON.stringify(content).length);
  const manifest = workspace.addManifest(Buffer.from(JSON.stringify(content)), MANIFEST_TYPE, ['v1']);
  const [byDigest = '', byTag = ''] = manifest.paths;
  return { ...manifest, byDigest, byTag };
}
