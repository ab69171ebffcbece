import { digestOf, type TestImage } from './image.ts';

export type StoredManifest = { readonly mediaType: string; readonly digest: string; readonly bytes: Buffer };

type Repository = {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
};

export type FixtureStore = {
  /** Stores every blob and manifest of the image; `tag` names its index. */
  putImage(repository: string, image: TestImage, tag: string): void;
  putBlob(repository: string, digest: string, bytes: Buffer): void;
  /** By tag or digest; answers the digest. */
  putManifest(repository: string, reference: string, mediaType: string, bytes: Buffer): string;
  blob(repository: string, digest: string): Buffer | undefined;
  manifest(repository: string, reference: string): StoredManifest | undefined;
  deleteBlob(repository: string, digest: string): boolean;
  deleteManifest(repository: string, reference: string): boolean;
  repositories(): string[];
  tags(repository: string): string[] | undefined;
  /** Descriptors of the manifests whose `subject` is the digest. */
  referrers(repository: string, subject: string): object[];
};

/** What the fixture registry holds, in memory. */
export function createFixtureStore(): FixtureStore {
  const repositories = new Map<string, Repository>();
  const open = (name: string): Repository => {
    const found = repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    repositories.set(name, found);
    return found;
  };
  const resolve = (repository: string, reference: string) =>
    reference.includes(':') ? reference : repositories.get(repository)?.tags.get(reference);

  const store: FixtureStore = {
    putImage(repository, image, tag) {
      for (const blob of image.blobs) store.putBlob(repository, blob.digest, blob.bytes);
      for (const { digest, mediaType, bytes } of image.manifests) {
        store.putManifest(repository, digest, mediaType, bytes);
      }
      store.putManifest(repository, tag, image.index.mediaType, image.index.bytes);
    },
    putBlob(repository, digest, bytes) {
      open(repository).blobs.set(digest, bytes);
    },
    putManifest(repository, reference, mediaType, bytes) {
      const algorithm = reference.startsWith('sha512:') ? 'sha512' : 'sha256';
      const digest = digestOf(bytes, algorithm);
      open(repository).manifests.set(digest, { mediaType, digest, bytes });
      if (!reference.includes(':')) open(repository).tags.set(reference, digest);
      return digest;
    },
    blob: (repository, digest) => repositories.get(repository)?.blobs.get(digest),
    manifest(repository, reference) {
      const digest = resolve(repository, reference);
      return digest === undefined ? undefined : repositories.get(repository)?.manifests.get(digest);
    },
    deleteBlob: (repository, digest) => repositories.get(repository)?.blobs.delete(digest) ?? false,
    deleteManifest(repository, reference) {
      const found = repositories.get(repository);
      if (!found) return false;
      if (!reference.includes(':')) return found.tags.delete(reference);
      for (const [tag, digest] of found.tags) if (digest === reference) found.tags.delete(tag);
      return found.manifests.delete(reference);
    },
    repositories: () => [...repositories.keys()].toSorted(),
    tags(repository) {
      const found = repositories.get(repository);
      return found && [...found.tags.keys()].toSorted();
    },
    referrers(repository, subject) {
      const manifests = [...(repositories.get(repository)?.manifests.values() ?? [])];
      return manifests.flatMap((manifest) => {
        const document = parseManifest(manifest.bytes);
        if (document.subject?.digest !== subject) return [];
        return [
          {
            mediaType: manifest.mediaType,
            digest: manifest.digest,
            size: manifest.bytes.length,
            artifactType: document.artifactType ?? document.config?.mediaType,
            annotations: document.annotations,
          },
        ];
      });
    },
  };
  return store;
}

type ManifestDocument = {
  subject?: { digest?: string };
  artifactType?: string;
  config?: { mediaType?: string };
  annotations?: Record<string, string>;
};

/** A manifest's fields; bytes that are no JSON object have none. */
export function parseManifest(bytes: Buffer): ManifestDocument {
  try {
    const document: ManifestDocument | null = JSON.parse(bytes.toString());
    return document ?? {};
  } catch {
    return {};
  }
}
