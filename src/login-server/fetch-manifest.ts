import { createHash } from 'node:crypto';
import type { StoredManifest } from '../cache/manifest-store.ts';
import { ContentTooLarge } from '../http/bounded-content.ts';
import { parseContentLength } from '../http/content-length.ts';
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../oci/digest.ts';
import type { Reference } from '../oci/reference.ts';
import { endBody } from '../upstream/end-body.ts';
import { classifyFailure, UpstreamFailure } from '../upstream/failure.ts';
import { isPage } from '../upstream/is-page.ts';
import type { UpstreamRequest, UpstreamResponse } from '../upstream/upstream-registry.ts';
import { type BoundedAnswer, keepAnswer } from './ask-upstream.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import type { ManifestAnswer } from './manifest-answer.ts';
import { refuseOddSuccess } from './send-answer.ts';

export type FetchedManifest =
  | { readonly kind: 'manifest'; readonly manifest: StoredManifest }
  | { readonly kind: 'answer'; readonly answer: BoundedAnswer };

type Question = Omit<UpstreamRequest, 'body' | 'method'>;

/**
 * Fetches a manifest whole and verifies it (C3): against the digest asked for, or for a tag against the one that the
 * upstream states, or else it takes the digest of what came.
 *
 * @throws UpstreamFailure where it is too long or has another digest
 */
export async function fetchManifest(
  question: Question,
  reference: Reference,
  deps: LoginServerDeps,
): Promise<FetchedManifest> {
  const response = await deps.upstream.follow({ ...question, method: 'GET' });
  await refuseOddSuccess(response);
  if (response.status !== 200) return { kind: 'answer', answer: await keepAnswer(response) };
  await refusePage(response);
  await refuseCoding(response);
  const content = await readContent(response, deps);
  const expected = reference.kind === 'digest' ? reference.digest : statedDigest(response);
  if (expected === undefined) refuseOtherDocument(content);
  const digest = expected ?? (`sha256:${createHash('sha256').update(content).digest('hex')}` as Digest);
  if (createHash(digestAlgorithm(digest)).update(content).digest('hex') !== digestHex(digest)) {
    deps.metrics.blobDigestMismatches.inc({ stage: 'manifest' });
    throw new UpstreamFailure(
      'http_protocol_error',
      'registry',
      `the manifest's content does not have the digest ${digest}`,
    );
  }
  const manifest = { digest, content, mediaType: mediaTypeOf(response) };
  deps.manifests.set(deps.registry.name, manifest);
  return { kind: 'manifest', manifest };
}

/**
 * What HEAD says of a manifest (C1, C2); undefined where the upstream's HEAD is of no use and only a GET can tell. It shows no
 * content, so what it says must be true of the copy at least: an error document with 200 is no word on a manifest (C12).
 */
export async function headManifest(
  question: Question,
  reference: Reference,
  deps: LoginServerDeps,
): Promise<ManifestAnswer | undefined> {
  const response = await deps.upstream.follow({ ...question, method: 'HEAD' });
  await endBody(response);
  const { status, headers } = response;
  if (status === 405 || status === 501) return undefined;
  await refuseOddSuccess(response);
  if (status !== 200) return { kind: 'answer', answer: { status, headers, body: Buffer.alloc(0) } };
  await refusePage(response);
  const stated = statedDigest(response);
  const digest = reference.kind === 'digest' ? reference.digest : stated;
  const length = parseContentLength(headers['content-length']);
  const mediaType = headers['content-type'];
  if (digest === undefined || length === undefined || mediaType === undefined) return undefined;
  if (stated !== undefined && stated !== digest) return undefined;
  const copy = deps.manifests.get(deps.registry.name, digest);
  if (copy !== undefined && copy.content.length !== length) return undefined;
  return { kind: 'manifest', digest, length, mediaType };
}

async function readContent(response: UpstreamResponse, deps: LoginServerDeps): Promise<Buffer> {
  try {
    return await response.read(deps.manifestBytes);
  } catch (error) {
    if (!(error instanceof ContentTooLarge)) throw classifyFailure(error, 'registry');
    throw new UpstreamFailure(
      'content_too_large',
      'registry',
      `the manifest has more than ${deps.manifestBytes} bytes (limits.manifestBytes)`,
      { cause: error },
    );
  }
}

/**
 * C12: a page that a portal or a balancer puts before the registry with 200 is neither a manifest nor an allowance.
 * @throws UpstreamFailure
 */
async function refusePage(response: UpstreamResponse): Promise<void> {
  if (!isPage(response.headers)) return;
  await endBody(response);
  throw new UpstreamFailure('http_protocol_error', 'registry', 'a web page came in place of a manifest');
}

/**
 * C12: where no digest proves what came, it must at least look like a manifest (image-spec: `schemaVersion`, or for artifacts
 * `mediaType`), not like an error document with 200.
 * @throws UpstreamFailure
 */
function refuseOtherDocument(content: Buffer): void {
  if (looksLikeManifest(content)) return;
  throw new UpstreamFailure(
    'http_protocol_error',
    'registry',
    'what came without a digest is no manifest: a JSON object with schemaVersion or mediaType',
  );
}

function looksLikeManifest(content: Buffer): boolean {
  try {
    const document: unknown = JSON.parse(content.toString('utf8'));
    if (typeof document !== 'object' || document === null || Array.isArray(document)) return false;
    return 'schemaVersion' in document || 'mediaType' in document;
  } catch {
    return false;
  }
}

/** A digest is of the bytes without any coding, and the copy is for clients that may not know the coding. */
async function refuseCoding(response: UpstreamResponse): Promise<void> {
  const coding = response.headers['content-encoding'];
  if (coding === undefined || coding === 'identity') return;
  await endBody(response);
  throw new UpstreamFailure(
    'http_response_content_coding',
    'registry',
    'the manifest has a content coding that was not asked for',
  );
}

function statedDigest(response: UpstreamResponse): Digest | undefined {
  const stated = response.headers['docker-content-digest'];
  const parsed = typeof stated === 'string' ? parseDigest(stated) : undefined;
  return parsed?.kind === 'ok' ? parsed.digest : undefined;
}

function mediaTypeOf(response: UpstreamResponse): string {
  return response.headers['content-type'] ?? 'application/octet-stream';
}
