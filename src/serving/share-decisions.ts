import type { ManifestAnswer } from '../login-server/manifest-answer.ts';
import {
  createSharedDecisions,
  type SharedDecisions,
  type SharedDecisionsDeps,
} from '../login-server/shared-decisions.ts';
import { parseDigest } from '../oci/digest.ts';
import type { BlobLocation } from '../upstream/upstream-registry.ts';

/** The decisions of both kinds, as replicas tell each other. */
export function shareDecisions(deps: Pick<SharedDecisionsDeps<unknown>, 'state' | 'seal' | 'now'>): {
  readonly blobs: SharedDecisions<BlobLocation>;
  readonly manifests: SharedDecisions<ManifestAnswer>;
} {
  return {
    blobs: createSharedDecisions<BlobLocation>({ ...deps, kind: 'blob', parse: parseLocation }),
    manifests: createSharedDecisions<ManifestAnswer>({ ...deps, kind: 'manifest', parse: parseManifest }),
  };
}

/** JSON leaves out what is undefined. */
function parseLocation(value: unknown): BlobLocation | undefined {
  if (!isRecord(value) || typeof value['url'] !== 'string') return undefined;
  const { kind, url, host } = value;
  const size = numberOf(value['size']);
  const region = typeof value['region'] === 'string' ? { region: value['region'] } : {};
  if (kind === 'registry') return { kind, url, size, ...region };
  if (kind !== 'storage' || typeof host !== 'string') return undefined;
  return { kind, url, host, expiresAt: numberOf(value['expiresAt']), size, ...region };
}

/** Only an answer that allows is shared, and that is a manifest. The seal says that one of the replicas wrote it. */
function parseManifest(value: unknown): ManifestAnswer | undefined {
  if (!isRecord(value) || value['kind'] !== 'manifest') return undefined;
  const { digest, mediaType, length } = value;
  if (typeof digest !== 'string' || typeof mediaType !== 'string' || typeof length !== 'number')
    return undefined;
  const parsed = parseDigest(digest);
  return parsed.kind === 'ok' ? { kind: 'manifest', digest: parsed.digest, mediaType, length } : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
