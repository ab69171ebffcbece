import { type Digest, parseDigest } from './digest.ts';
import type { OciErrorCode } from './error.ts';
import { parseReference, type Reference } from './reference.ts';
import { MAX_REPOSITORY_NAME_LENGTH, parseRepositoryName, type RepositoryName } from './repository-name.ts';

/** What a path asks for; the numbers are the distribution-spec's endpoints. */
export type Route =
  /** end-1 */
  | { readonly kind: 'ping' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'token'; readonly path: '/oauth2/token' | '/oauth2/exchange' }
  /** end-8 */
  | { readonly kind: 'tags'; readonly repository: RepositoryName }
  /** end-3, end-7, end-9 */
  | { readonly kind: 'manifest'; readonly repository: RepositoryName; readonly reference: Reference }
  /** end-2, end-10 */
  | { readonly kind: 'blob'; readonly repository: RepositoryName; readonly digest: Digest }
  /** end-4, end-11 */
  | { readonly kind: 'uploads'; readonly repository: RepositoryName }
  /** end-5, end-6, end-13, end-14 */
  | { readonly kind: 'upload'; readonly repository: RepositoryName; readonly location: string }
  /** end-12 */
  | { readonly kind: 'referrers'; readonly repository: RepositoryName; readonly digest: Digest };

export type RouteFailure =
  /** A known endpoint with a bad part; the code's own status is the answer's. */
  | {
      readonly kind: 'invalid';
      readonly code: Extract<
        OciErrorCode,
        'NAME_INVALID' | 'DIGEST_INVALID' | 'MANIFEST_UNKNOWN' | 'BLOB_UPLOAD_UNKNOWN'
      >;
      readonly message: string;
    }
  /** No endpoint has this path: 404. */
  | { readonly kind: 'unknown' };

/** Characters of a sealed upload location: an upstream's URL of 6 KiB, in base64url. */
export const MAX_UPLOAD_LOCATION_LENGTH = 8192;
const LOCATION = /^[A-Za-z0-9_-]+$/;
const MAX_PATH_LENGTH =
  '/v2//blobs/uploads/'.length + MAX_REPOSITORY_NAME_LENGTH + MAX_UPLOAD_LOCATION_LENGTH;

/**
 * The route of a raw path, without its query. Never throws; linear in the path's length.
 *
 * Nothing is decoded but the colon of a digest (`%3A`, which some clients send), and every part is matched against what it may
 * be: percent-encoded separators, dot segments, empty segments, backslashes and control characters fit nowhere. The
 * last two segments decide which endpoint it is, so repository names may have `blobs`, `manifests`, `uploads`, `tags`
 * or `referrers` among their components.
 */
export function parseRoute(rawPath: string): Route | RouteFailure {
  if (rawPath === '/v2/' || rawPath === '/v2') return { kind: 'ping' };
  if (rawPath === '/oauth2/token' || rawPath === '/oauth2/exchange') return { kind: 'token', path: rawPath };
  if (!rawPath.startsWith('/v2/')) return { kind: 'unknown' };
  if (rawPath === '/v2/_catalog') return { kind: 'catalog' };
  if (rawPath.length > MAX_PATH_LENGTH) {
    return invalid('NAME_INVALID', `The path is longer than ${MAX_PATH_LENGTH} characters.`);
  }

  const lastSlash = rawPath.lastIndexOf('/');
  const verbSlash = rawPath.lastIndexOf('/', lastSlash - 1);
  // `/v2/x`: the verb would be `v2` itself.
  if (verbSlash < '/v2'.length) return { kind: 'unknown' };
  const verb = rawPath.slice(verbSlash + 1, lastSlash);
  const last = rawPath.slice(lastSlash + 1);
  const name = rawPath.slice('/v2/'.length, verbSlash);

  switch (verb) {
    case 'manifests':
      return withName(name, (repository) => manifestRoute(repository, decodeColon(last)));
    case 'blobs':
      // end-4 without its final slash.
      if (last === 'uploads') return withName(name, (repository) => ({ kind: 'uploads', repository }));
      return withName(name, (repository) => digestRoute('blob', repository, decodeColon(last)));
    case 'referrers':
      return withName(name, (repository) => digestRoute('referrers', repository, decodeColon(last)));
    case 'tags':
      if (last !== 'list') return { kind: 'unknown' };
      return withName(name, (repository) => ({ kind: 'tags', repository }));
    case 'uploads':
      if (name !== 'blobs' && !name.endsWith('/blobs')) return { kind: 'unknown' };
      return withName(name.slice(0, -'/blobs'.length), (repository) => uploadRoute(repository, last));
    default:
      return { kind: 'unknown' };
  }
}

const METHODS: Readonly<Record<Exclude<Route['kind'], 'token'>, readonly string[]>> = {
  ping: ['GET', 'HEAD'],
  catalog: ['GET', 'HEAD'],
  tags: ['GET', 'HEAD'],
  manifest: ['GET', 'HEAD', 'PUT', 'DELETE'],
  blob: ['GET', 'HEAD', 'DELETE'],
  uploads: ['POST'],
  upload: ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'],
  referrers: ['GET', 'HEAD'],
};
const TOKEN_METHODS: Readonly<Record<Extract<Route, { kind: 'token' }>['path'], readonly string[]>> = {
  '/oauth2/token': ['GET', 'POST'],
  '/oauth2/exchange': ['POST'],
};

/**
 * The methods that an endpoint knows, for the Allow field of a 405. HEAD stands beside every GET (RFC 9110 section 9.1), except
 * for tokens, which nobody asks for by HEAD.
 */
export function allowedMethods(route: Route): readonly string[] {
  return route.kind === 'token' ? TOKEN_METHODS[route.path] : METHODS[route.kind];
}

function withName(
  name: string,
  toRoute: (repository: RepositoryName) => Route | RouteFailure,
): Route | RouteFailure {
  const repository = parseRepositoryName(name);
  if (repository !== undefined) return toRoute(repository);
  return invalid(
    'NAME_INVALID',
    `The repository name must have 1 to ${MAX_REPOSITORY_NAME_LENGTH} characters: lower-case letters, digits and single separators (. _ __ -) between them, components parted by /.`,
  );
}

function manifestRoute(repository: RepositoryName, text: string): Route | RouteFailure {
  const reference = parseReference(text);
  if (reference.kind === 'tag' || reference.kind === 'digest')
    return { kind: 'manifest', repository, reference };
  if (reference.kind !== 'invalid_tag') return invalidDigest(reference.kind === 'unsupported_digest');
  // No such tag can have been pushed, so it is absent and not wrong: conformance tests ask for one and want 404.
  return invalid(
    'MANIFEST_UNKNOWN',
    'No manifest can have this reference: a tag has 1 to 128 letters, digits, _ . or -, and starts with neither . nor -.',
  );
}

function digestRoute(
  kind: 'blob' | 'referrers',
  repository: RepositoryName,
  text: string,
): Route | RouteFailure {
  const parsed = parseDigest(text);
  if (parsed.kind === 'ok') return { kind, repository, digest: parsed.digest };
  return invalidDigest(parsed.kind === 'unsupported');
}

function uploadRoute(repository: RepositoryName, location: string): Route | RouteFailure {
  if (location === '') return { kind: 'uploads', repository };
  if (location.length <= MAX_UPLOAD_LOCATION_LENGTH && LOCATION.test(location))
    return { kind: 'upload', repository, location };
  return invalid(
    'BLOB_UPLOAD_UNKNOWN',
    'This is not an upload location that was given out here; start the upload again.',
  );
}

function invalidDigest(unsupported: boolean): RouteFailure {
  return invalid(
    'DIGEST_INVALID',
    unsupported
      ? 'The digest is by an algorithm that is not supported here; sha256 and sha512 are.'
      : 'The digest must be sha256: with 64 or sha512: with 128 lower-case hexadecimal digits.',
  );
}

function decodeColon(segment: string): string {
  return segment.replaceAll(/%3a/gi, ':');
}

function invalid(code: Extract<RouteFailure, { kind: 'invalid' }>['code'], message: string): RouteFailure {
  return { kind: 'invalid', code, message };
}
