import { type Digest, parseDigest } from '../../oci/digest.ts';
import type { Platform } from './platform.ts';

export type Descriptor = {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Of an index's entry, where it has one. */
  readonly platform: Platform | undefined;
};

export type Manifest =
  | { readonly kind: 'index'; readonly manifests: readonly Descriptor[] }
  | {
      readonly kind: 'image';
      readonly blobs: readonly Descriptor[];
      /** Layers that no registry holds: their licence forbids it. */
      readonly foreign: number;
    };

/**
 * Reads an image manifest or index, of OCI or Docker; what else a registry may have (an artifact) has `layers` or `blobs` as well.
 * Undefined where it is none, or one of Docker's first schema, whose layers have no sizes.
 */
export function parseManifest(content: Buffer): Manifest | undefined {
  let document: unknown;
  try {
    document = JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
  const manifests = fieldOf(document, 'manifests');
  if (Array.isArray(manifests)) {
    const entries = manifests.map(parseDescriptor);
    return allOf(entries) ? { kind: 'index', manifests: entries } : undefined;
  }
  const layers = fieldOf(document, 'layers') ?? fieldOf(document, 'blobs');
  if (!Array.isArray(layers)) return undefined;
  const config = fieldOf(document, 'config');
  const held = layers.filter((layer) => !isForeign(layer));
  const blobs = [...(config === undefined ? [] : [config]), ...held].map(parseDescriptor);
  return allOf(blobs) ? { kind: 'image', blobs, foreign: layers.length - held.length } : undefined;
}

function parseDescriptor(value: unknown): Descriptor | undefined {
  const digest = parseDigest(textOf(value, 'digest') ?? '');
  const size = fieldOf(value, 'size');
  if (digest.kind !== 'ok' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    return undefined;
  }
  return { digest: digest.digest, size, platform: parsePlatform(fieldOf(value, 'platform')) };
}

function parsePlatform(value: unknown): Platform | undefined {
  const os = textOf(value, 'os');
  const architecture = textOf(value, 'architecture');
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, variant: textOf(value, 'variant') };
}

function isForeign(layer: unknown): boolean {
  return /\bnondistributable\b|\bforeign\b/.test(textOf(layer, 'mediaType') ?? '');
}

function textOf(value: unknown, name: string): string | undefined {
  const text = fieldOf(value, name);
  return typeof text === 'string' ? text : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function allOf<T>(list: readonly (T | undefined)[]): list is readonly T[] {
  return !list.includes(undefined);
}
