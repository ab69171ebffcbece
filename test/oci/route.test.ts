import tap from 'tap';
import { allowedMethods, parseRoute } from '../../src/oci/route.ts';

const HEX = '0123456789abcdef'.repeat(4);
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;

await tap.test('routes', (t) => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['/v2', { kind: 'ping' }],
    ['/v2/', { kind: 'ping' }],
    ['/v2/_catalog', { kind: 'catalog' }],
    ['/oauth2/token', { kind: 'token', path: '/oauth2/token' }],
    ['/oauth2/exchange', { kind: 'token', path: '/oauth2/exchange' }],
    ['/v2/a/tags/list', { kind: 'tags', repository: 'a' }],
    ['/v2/a/b/c/tags/list', { kind: 'tags', repository: 'a/b/c' }],
    [
      '/v2/a/manifests/latest',
      { kind: 'manifest', repository: 'a', reference: { kind: 'tag', tag: 'latest' } },
    ],
    [
      `/v2/library/alpine/manifests/${SHA256}`,
      { kind: 'manifest', repository: 'library/alpine', reference: { kind: 'digest', digest: SHA256 } },
    ],
    [
      `/v2/a/manifests/${SHA512}`,
      { kind: 'manifest', repository: 'a', reference: { kind: 'digest', digest: SHA512 } },
    ],
    [`/v2/a/blobs/${SHA256}`, { kind: 'blob', repository: 'a', digest: SHA256 }],
    [`/v2/a/blobs/${SHA512}`, { kind: 'blob', repository: 'a', digest: SHA512 }],
    [`/v2/a/referrers/${SHA256}`, { kind: 'referrers', repository: 'a', digest: SHA256 }],
    ['/v2/a/blobs/uploads/', { kind: 'uploads', repository: 'a' }],
    ['/v2/a/blobs/uploads', { kind: 'uploads', repository: 'a' }],
    ['/v2/a/blobs/uploads/A-z_9', { kind: 'upload', repository: 'a', location: 'A-z_9' }],
    [
      `/v2/a/blobs/uploads/${'x'.repeat(8192)}`,
      { kind: 'upload', repository: 'a', location: 'x'.repeat(8192) },
    ],
    [
      `/v2/${'a'.repeat(255)}/blobs/uploads/${'x'.repeat(8192)}`,
      { kind: 'upload', repository: 'a'.repeat(255), location: 'x'.repeat(8192) },
    ],
  ];
  for (const [path, route] of rows) t.strictSame(parseRoute(path), route, path.slice(0, 60));
  t.end();
});

await tap.test('names with the words of the API among their components', (t) => {
  const rows: readonly (readonly [string, unknown])[] = [
    [
      '/v2/blobs/manifests/latest',
      { kind: 'manifest', repository: 'blobs', reference: { kind: 'tag', tag: 'latest' } },
    ],
    [
      '/v2/manifests/manifests/manifests',
      { kind: 'manifest', repository: 'manifests', reference: { kind: 'tag', tag: 'manifests' } },
    ],
    [
      '/v2/a/blobs/uploads/manifests/latest',
      { kind: 'manifest', repository: 'a/blobs/uploads', reference: { kind: 'tag', tag: 'latest' } },
    ],
    [
      '/v2/a/tags/manifests/list',
      { kind: 'manifest', repository: 'a/tags', reference: { kind: 'tag', tag: 'list' } },
    ],
    ['/v2/a/manifests/tags/list', { kind: 'tags', repository: 'a/manifests' }],
    ['/v2/tags/tags/list', { kind: 'tags', repository: 'tags' }],
    ['/v2/tags/list/tags/list', { kind: 'tags', repository: 'tags/list' }],
    ['/v2/a/blobs/uploads/tags/list', { kind: 'tags', repository: 'a/blobs/uploads' }],
    [`/v2/blobs/uploads/blobs/${SHA256}`, { kind: 'blob', repository: 'blobs/uploads', digest: SHA256 }],
    [`/v2/uploads/blobs/${SHA256}`, { kind: 'blob', repository: 'uploads', digest: SHA256 }],
    [`/v2/referrers/referrers/${SHA256}`, { kind: 'referrers', repository: 'referrers', digest: SHA256 }],
    [`/v2/a/manifests/x/blobs/${SHA256}`, { kind: 'blob', repository: 'a/manifests/x', digest: SHA256 }],
    ['/v2/blobs/blobs/uploads', { kind: 'uploads', repository: 'blobs' }],
    ['/v2/uploads/blobs/uploads/', { kind: 'uploads', repository: 'uploads' }],
    ['/v2/a/blobs/uploads/blobs/uploads/', { kind: 'uploads', repository: 'a/blobs/uploads' }],
    ['/v2/a/blobs/uploads/uploads', { kind: 'upload', repository: 'a', location: 'uploads' }],
    ['/v2/a/blobs/uploads/list', { kind: 'upload', repository: 'a', location: 'list' }],
    ['/v2/a/blobs/blobs/uploads/x', { kind: 'upload', repository: 'a/blobs', location: 'x' }],
    ['/v2/v2/tags/list', { kind: 'tags', repository: 'v2' }],
    ['/v2/catalog/tags/list', { kind: 'tags', repository: 'catalog' }],
  ];
  for (const [path, route] of rows) t.strictSame(parseRoute(path), route, path.slice(0, 60));
  t.end();
});

await tap.test("a digest's colon may come percent-encoded, nothing else may", (t) => {
  for (const colon of ['%3A', '%3a']) {
    t.strictSame(parseRoute(`/v2/a/blobs/sha256${colon}${HEX}`), {
      kind: 'blob',
      repository: 'a',
      digest: SHA256,
    });
    t.strictSame(parseRoute(`/v2/a/referrers/sha256${colon}${HEX}`), {
      kind: 'referrers',
      repository: 'a',
      digest: SHA256,
    });
    t.strictSame(parseRoute(`/v2/a/manifests/sha256${colon}${HEX}`), {
      kind: 'manifest',
      repository: 'a',
      reference: { kind: 'digest', digest: SHA256 },
    });
  }
  t.match(parseRoute(`/v2/a/blobs/sha256%253A${HEX}`), { code: 'DIGEST_INVALID' });
  t.match(parseRoute(`/v2/a/blobs/%73ha256:${HEX}`), { code: 'DIGEST_INVALID' });
  t.match(parseRoute('/v2/%61/tags/list'), { code: 'NAME_INVALID' });
  t.match(parseRoute('/v2/a%3Ab/tags/list'), { code: 'NAME_INVALID' });
  t.match(parseRoute('/v2/a/manifests/%6catest'), { code: 'MANIFEST_UNKNOWN' });
  t.match(parseRoute('/v2/a/blobs/uploads/a%3Ab'), { code: 'BLOB_UPLOAD_UNKNOWN' });
  t.match(parseRoute('/v2/a/%74ags/list'), { kind: 'unknown' });
  t.end();
});

await tap.test('methods', (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['/v2/', ['GET', 'HEAD']],
    ['/v2/_catalog', ['GET', 'HEAD']],
    ['/oauth2/token', ['GET', 'POST']],
    ['/oauth2/exchange', ['POST']],
    ['/v2/a/tags/list', ['GET', 'HEAD']],
    ['/v2/a/manifests/b', ['GET', 'HEAD', 'PUT', 'DELETE']],
    [`/v2/a/blobs/${SHA256}`, ['GET', 'HEAD', 'DELETE']],
    ['/v2/a/blobs/uploads/', ['POST']],
    ['/v2/a/blobs/uploads/x', ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']],
    [`/v2/a/referrers/${SHA256}`, ['GET', 'HEAD']],
  ];
  for (const [path, methods] of rows) {
    const route = parseRoute(path);
    t.strictSame(
      route.kind === 'invalid' || route.kind === 'unknown' ? route : allowedMethods(route),
      methods,
      path,
    );
  }
  t.end();
});
