import {
  answer,
  answerBytes,
  answerError,
  answerJson,
  type FixtureExchange,
  readBody,
} from './fixture-exchange.ts';
import { type FixtureStore, parseManifest } from './fixture-store.ts';

/** How the fixture registry hands out blobs. */
export type BlobDelivery =
  | { readonly kind: 'serve'; readonly ranges: 'all' | 'noSuffix' | 'ignored' }
  /** 307 to what `locate` says; HEAD is answered (ACR) or redirected, too (distribution). */
  | {
      readonly kind: 'redirect';
      readonly head?: 'answer' | 'redirect';
      locate(digest: string, repository: string): string | Promise<string>;
    };

export async function handleBlob(
  exchange: FixtureExchange,
  store: FixtureStore,
  delivery: BlobDelivery,
  repository: string,
  digest: string,
): Promise<void> {
  const { method } = exchange;
  if (method === 'DELETE') {
    if (store.deleteBlob(repository, digest)) answer(exchange, 202, {});
    else answerError(exchange, 404, 'BLOB_UNKNOWN');
    return;
  }
  const bytes = store.blob(repository, digest);
  if (!bytes) {
    answerError(exchange, 404, 'BLOB_UNKNOWN');
    return;
  }
  const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': digest };
  if (delivery.kind === 'serve') {
    answerBytes(exchange, bytes, { ...headers, 'accept-ranges': 'bytes' }, delivery.ranges);
    return;
  }
  if (method === 'HEAD' && delivery.head === 'answer') {
    answer(exchange, 200, headers, bytes);
    return;
  }
  const location = await delivery.locate(digest, repository);
  const body = `<a href="${location.replaceAll('&', '&amp;')}">Temporary Redirect</a>.\n`;
  answer(exchange, 307, { ...headers, 'content-type': 'text/html; charset=utf-8', location }, body);
}

export async function handleManifest(
  exchange: FixtureExchange,
  store: FixtureStore,
  repository: string,
  reference: string,
): Promise<void> {
  const { method, request } = exchange;
  if (method === 'PUT') {
    const bytes = await readBody(request);
    const mediaType = request.headers['content-type'] ?? 'application/octet-stream';
    const digest = store.putManifest(repository, reference, mediaType, bytes);
    const subject = parseManifest(bytes).subject?.digest;
    answer(exchange, 201, {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject === undefined ? {} : { 'oci-subject': subject }),
    });
    return;
  }
  if (method === 'DELETE') {
    if (store.deleteManifest(repository, reference)) answer(exchange, 202, {});
    else answerError(exchange, 404, 'MANIFEST_UNKNOWN');
    return;
  }
  const manifest = store.manifest(repository, reference);
  if (!manifest) {
    answerError(exchange, 404, 'MANIFEST_UNKNOWN');
    return;
  }
  const etag = `"${manifest.digest}"`;
  const headers = { 'content-type': manifest.mediaType, 'docker-content-digest': manifest.digest, etag };
  if (request.headers['if-none-match']?.includes(etag)) answer(exchange, 304, headers);
  else answer(exchange, 200, headers, manifest.bytes);
}

/** Tags and catalog: sorted, `n` and `last`, a relative `Link` for the next page. */
export function handleList(
  exchange: FixtureExchange,
  all: readonly string[] | undefined,
  pageSize: number,
  document: (page: readonly string[]) => unknown,
): void {
  if (!all) {
    answerError(exchange, 404, 'NAME_UNKNOWN');
    return;
  }
  const last = exchange.query.get('last');
  const limit = Math.min(Number(exchange.query.get('n') ?? pageSize), pageSize);
  const rest = last === null ? all : all.filter((entry) => entry > last);
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  const more = rest.length > page.length && end !== undefined;
  const link = more ? { link: `<${exchange.path}?last=${end}&n=${limit}>; rel="next"` } : {};
  answerJson(exchange, 200, document(page), link);
}

export function handleReferrers(
  exchange: FixtureExchange,
  store: FixtureStore,
  repository: string,
  digest: string,
): void {
  const wanted = exchange.query.get('artifactType');
  const manifests = store
    .referrers(repository, digest)
    .filter((entry) => wanted === null || ('artifactType' in entry && entry.artifactType === wanted));
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  answerJson(
    exchange,
    200,
    { schemaVersion: 2, mediaType, manifests },
    { 'content-type': mediaType, ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
  );
}
