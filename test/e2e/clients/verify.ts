import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { TestBlob, TestImage, TestManifest } from '../../support/image.ts';
import { expectEqual } from '../report.ts';

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk);
  return hash.digest('hex');
}

/** Every manifest, config and layer of an image. */
function allBlobs(image: TestImage): TestBlob[] {
  return [image.index, ...image.manifests, ...image.blobs];
}

/** A folder of content-addressed files (`<folder>/<hex>`) holds all of an image, each file with its own digest. */
export async function verifyBlobFolder(folder: string, image: TestImage): Promise<void> {
  for (const blob of allBlobs(image)) {
    const hex = blob.digest.replace('sha256:', '');
    expectEqual(await hashFile(join(folder, hex)), hex, `content of ${blob.digest}`);
  }
}

/** sha256 of the one file in each layer: its tar has a 512-byte header, which carries the size in octal. */
function layerFileHashes(manifest: TestManifest): string[] {
  return manifest.layers.map((layer) => {
    const tar = gunzipSync(layer.bytes);
    const size = Number.parseInt(tar.toString('ascii', 124, 135), 8);
    return createHash('sha256')
      .update(tar.subarray(512, 512 + size))
      .digest('hex');
  });
}

/** The files of all layers are unpacked somewhere below `folder`, byte for byte. */
export async function verifyUnpacked(folder: string, manifest: TestManifest): Promise<void> {
  const found = new Set<string>();
  const seen = new Set<string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/^layer-\d+\.bin$/.test(entry.name)) continue;
    seen.add(entry.name);
    found.add(await hashFile(join(entry.parentPath, entry.name)));
  }
  const missing = layerFileHashes(manifest).filter((hash) => !found.has(hash));
  expectEqual(
    missing,
    [],
    `unpacked layers that are missing or different below ${folder} (${[...seen].join(' ')})`,
  );
}
