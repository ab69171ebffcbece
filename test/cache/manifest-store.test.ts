import { createHash } from 'node:crypto';
import t from 'tap';
import { createManifestStore } from '../../src/cache/manifest-store.ts';
import { assertDigest } from '../../src/oci/digest.ts';

/** As they come from the upstream: cut out of what Node has read others into. */
function manifestOf(text: string) {
  const content = Buffer.concat([Buffer.from(text), Buffer.from('\n')]);
  const hash = createHash('sha256').update(content).digest('hex');
  return { digest: assertDigest(`sha256:${hash}`), mediaType: 'application/json', content };
}
