import { createCipheriv, createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export type TestBlob = {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
};

export type TestManifest = TestBlob & {
  readonly os: string;
  readonly architecture: string;
  readonly config: TestBlob;
  readonly layers: readonly TestBlob[];
};

export type TestImage = {
  /** The image index that names every platform's manifest. */
  readonly index: TestBlob;
  readonly manifests: readonly TestManifest[];
  /** Every config and layer once. */
  readonly blobs: readonly TestBlob[];
};

export const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

/** `<algorithm>:<hex>` of the bytes. */
export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** The same incompressible bytes for the same seed, on every machine. */
export function pseudoRandomBytes(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/**
 * Builds a multi-platform image, the same bytes each time. `layerSizes` are the sizes of each layer's one file in bytes;
 * the last layer differs per platform, the others are shared, as a common base image is.
 */
export function buildImage(options: {
  readonly seed: string;
  readonly layerSizes: readonly number[];
  readonly architectures?: readonly string[];
}): TestImage {
  const architectures = options.architectures ?? ['amd64', 'arm64'];
  const blobs = new Map<string, TestBlob>();
  const manifests = architectures.map((architecture) => {
    const built = options.layerSizes.map((size, position) => {
      const last = position === options.layerSizes.length - 1;
      const seed = `${options.seed}/${position}/${last ? architecture : 'shared'}`;
      return buildLayer(seed, `layer-${position}.bin`, size);
    });
    const layers = built.map(({ layer }) => layer);
    const config = jsonBlob(CONFIG_TYPE, {
      created: '2026-01-01T00:00:00Z',
      architecture,
      os: 'linux',
      config: { Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: built.map(({ diffId }) => diffId) },
      history: built.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: options.seed })),
    });
    const manifest = jsonBlob(MANIFEST_TYPE, {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor(config),
      layers: layers.map(descriptor),
    });
    for (const blob of [config, ...layers]) blobs.set(blob.digest, blob);
    return { ...manifest, os: 'linux', architecture, config, layers };
  });
  const index = jsonBlob(INDEX_TYPE, {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: manifests.map((manifest) => ({
      ...descriptor(manifest),
      platform: { architecture: manifest.architecture, os: manifest.os },
    })),
  });
  return { index, manifests, blobs: [...blobs.values()] };
}

function buildLayer(seed: string, name: string, size: number): { layer: TestBlob; diffId: string } {
  const tar = tarOf(name, pseudoRandomBytes(seed, size));
  const bytes = gzipSync(tar, { level: 1 });
  // Byte 9 of a gzip header names the operating system: fixed, so that digests are the same everywhere.
  bytes[9] = 255;
  return { layer: { digest: digestOf(bytes), mediaType: LAYER_TYPE, bytes }, diffId: digestOf(tar) };
}

/** A tar archive (POSIX ustar) with one regular file. */
function tarOf(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0', 257);
  header.write('00', 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}

function jsonBlob(mediaType: string, document: unknown): TestBlob {
  const bytes = Buffer.from(JSON.stringify(document));
  return { digest: digestOf(bytes), mediaType, bytes };
}

function descriptor(blob: TestBlob): { mediaType: string; digest: string; size: number } {
  return { mediaType: blob.mediaType, digest: blob.digest, size: blob.bytes.length };
}
