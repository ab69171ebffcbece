import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { atMost } from '../system/at-most.ts';
import { createCredentialsKey } from './credentials-key.ts';
import type { SubjectName } from './decisions.ts';
import type { ManifestAnswer } from './manifest-answer.ts';

/**
 * What a request for a manifest asks for, as far as that follows from its target, its fields and the configuration alone. Nothing
 * that was decided, and no credentials that could be read.
 */
export type PreparedManifest = {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly name: SubjectName;
  /** Whether an answer is about this very manifest. */
  readonly serves: (answer: ManifestAnswer) => boolean;
};

/** What a request says that its preparation depends on, as it came. */
export type Asked = {
  readonly target: string;
  readonly accept: string | undefined;
  readonly authorization: string | undefined;
};

/** Requests that were prepared before, of one registry under one configuration. */
export type PreparedManifests = {
  /** Undefined: too long to be kept. */
  key(asked: Asked): string | undefined;
  get(key: string): PreparedManifest | undefined;
  set(key: string, prepared: PreparedManifest): void;
};

/** Bytes of all entries: some 8,000 requests of different clients or for different manifests. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Values of Accept that are told apart at a time. One that comes back later has another number, and is prepared anew. */
const MAX_ACCEPTS = 1_000;
/** Beside a key: the names, twice as long as a repository's, and the objects. */
const ENTRY_BYTES = 1_500;
/** Characters of target and Accept; those of container clients have 500 together. */
const MAX_ASKED = 2_048;

/** The store for all registries; the function returned opens it for one, anew for each configuration that it gets. */
export function createPreparedManifests(): () => PreparedManifests {
  const all = new LRUCache<string, PreparedManifest>({
    maxSize: MAX_BYTES,
    sizeCalculation: (_prepared, key) => key.length + ENTRY_BYTES,
  });
  const credentialsKey = createCredentialsKey();
  // Clients have few, and they are long: a key that held them would have to be copied together for each request.
  const accepts = new LRUCache<string, number>(atMost(MAX_ACCEPTS));
  let lastAccept = 0;
  function numberOf(accept: string): number {
    let number = accepts.get(accept);
    if (number === undefined) accepts.set(accept, (number = lastAccept += 1));
    return number;
  }
  let opened = 0;
  return () => {
    opened += 1;
    const whose = opened;
    return {
      key({ target, accept = '', authorization }) {
        if (target.length + accept.length > MAX_ASKED) return undefined;
        // A target has no spaces, nor has base64url.
        return `${whose} ${numberOf(accept)} ${target} ${credentialsKey(authorization)}`;
      },
      get: (key) => all.get(key),
      set: (key, prepared) => void all.set(key, prepared),
    };
  };
}
