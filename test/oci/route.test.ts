import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { OCI_ERRORS } from '../../src/oci/error.ts';
import { formatReference } from '../../src/oci/reference.ts';
import { allowedMethods, parseRoute, type Route } from '../../src/oci/route.ts';
import { holds, stringOf } from '../support/property.ts';

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

await tap.test('bad parts of known endpoints', (t) => {
  const rows: Readonly<Record<string, readonly string[]>> = {
    NAME_INVALID: [
      '/v2/A/manifests/latest',
      '/v2//manifests/latest',
      '/v2/manifests/latest',
      '/v2/tags/list',
      '/v2/blobs/uploads/',
      '/v2/blobs/uploads',
      '/v2/blobs/uploads/x',
      `/v2/blobs/${SHA256}`,
      `/v2/referrers/${SHA256}`,
      '/v2//a/tags/list',
      '/v2/a//tags/list',
      '/v2/a//b/tags/list',
      '/v2/../tags/list',
      '/v2/a/../b/tags/list',
      '/v2/./tags/list',
      '/v2/%2e%2e/tags/list',
      '/v2/a%2Fb/tags/list',
      '/v2/a%2fb/manifests/latest',
      '/v2/a%5Cb/tags/list',
      '/v2/a\\b/tags/list',
      '/v2/a\0b/tags/list',
      '/v2/a%00/tags/list',
      '/v2/a b/tags/list',
      '/v2/a+b/tags/list',
      '/v2/a?x/tags/list',
      '/v2/a#x/tags/list',
      '/v2/a;x=1/tags/list',
      '/v2/a@b/tags/list',
      '/v2/ü/tags/list',
      '/v2/-a/tags/list',
      '/v2/a-/tags/list',
      '/v2/a___b/tags/list',
      `/v2/${'a'.repeat(256)}/tags/list`,
      `/v2/${'a'.repeat(1_000_000)}`,
      // The name is looked at before the rest.
      '/v2/A/blobs/nonsense',
      '/v2/_catalog/tags/list',
    ],
    DIGEST_INVALID: [
      '/v2/a/blobs/',
      '/v2/a/blobs/latest',
      '/v2/a/blobs/sha256:',
      `/v2/a/blobs/${SHA256}0`,
      `/v2/a/blobs/${SHA256.toUpperCase()}`,
      `/v2/a/blobs/${SHA256}%00`,
      `/v2/a/blobs/${SHA256}?x`,
      '/v2/a/blobs/..',
      '/v2/a/blobs/sha256:..%2f..%2fetc',
      '/v2/a/blobs/sha384:00',
      '/v2/a/referrers/',
      '/v2/a/referrers/latest',
      '/v2/a/manifests/sha256:00',
      '/v2/a/manifests/a:b',
      '/v2/a/manifests/a%3ab',
    ],
    MANIFEST_UNKNOWN: [
      '/v2/a/manifests/',
      '/v2/a/manifests/.INVALID_MANIFEST_NAME',
      '/v2/a/manifests/..',
      '/v2/a/manifests/%2e%2e',
      '/v2/a/manifests/a%2fb',
      '/v2/a/manifests/a\\b',
      '/v2/a/manifests/a\0',
      '/v2/a/manifests/a b',
      `/v2/a/manifests/${'a'.repeat(129)}`,
    ],
    BLOB_UPLOAD_UNKNOWN: [
      '/v2/a/blobs/uploads/..',
      '/v2/a/blobs/uploads/a.b',
      '/v2/a/blobs/uploads/a=',
      '/v2/a/blobs/uploads/a%2fb',
      `/v2/a/blobs/uploads/${'x'.repeat(8193)}`,
    ],
  };
  for (const [code, paths] of Object.entries(rows)) {
    for (const path of paths) {
      const failure = parseRoute(path);
      t.match(failure, { kind: 'invalid', code }, `${code} ${JSON.stringify(path.slice(0, 60))}`);
    }
  }
  t.end();
});

await tap.test('the status that each code has', (t) => {
  t.equal(OCI_ERRORS.NAME_INVALID.status, 400);
  t.equal(OCI_ERRORS.DIGEST_INVALID.status, 400);
  t.equal(OCI_ERRORS.MANIFEST_UNKNOWN.status, 404);
  t.equal(OCI_ERRORS.BLOB_UPLOAD_UNKNOWN.status, 404);
  t.end();
});

await tap.test('an unsupported algorithm is told apart in the message', (t) => {
  t.match(parseRoute('/v2/a/blobs/sha384:00'), { message: /algorithm/ });
  t.match(parseRoute('/v2/a/manifests/sha384:00'), { message: /algorithm/ });
  t.match(parseRoute('/v2/a/blobs/sha256:00'), { message: /64/ });
  t.end();
});

await tap.test('no endpoint', (t) => {
  for (const path of [
    '',
    '/',
    '//',
    '/v1/',
    '/v2x',
    '/v22/',
    '//v2/',
    '/V2/',
    '/v2//',
    '/v2/?ns=a',
    '/v2/a',
    '/v2/a/',
    '/v2/a/b',
    '/v2/../',
    '/v2/_catalog/',
    '/v2/_catalog/x',
    '/v2/a/_catalog',
    '/v2/a/tags',
    '/v2/a/tags/',
    '/v2/a/tags/latest',
    '/v2/a/tags/list/',
    '/v2/a/manifests',
    '/v2/a/manifests/b/c',
    '/v2/a/manifests//b',
    '/v2/a/blobs',
    '/v2/a/blobs/uploads/x/',
    '/v2/a/blobs/uploads/x/y',
    '/v2/a/blobs//uploads/',
    '/v2/a/uploads/x',
    '/v2/uploads/x',
    '/v2/ablobs/uploads/x',
    '/v2/a/Manifests/latest',
    '/oauth2/token/',
    '/oauth2/',
    '/oauth2/%74oken',
    '/token',
    'v2/',
    'http://a/v2/',
    '*',
    '/v2/a/%6danifests/latest',
  ]) {
    t.strictSame(parseRoute(path), { kind: 'unknown' }, JSON.stringify(path));
  }
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

/** The path of a route, written independently of the parser. */
function formatRoute(route: Route): string {
  switch (route.kind) {
    case 'ping':
      return '/v2/';
    case 'catalog':
      return '/v2/_catalog';
    case 'token':
      return route.path;
    case 'tags':
      return `/v2/${route.repository}/tags/list`;
    case 'manifest':
      return `/v2/${route.repository}/manifests/${formatReference(route.reference)}`;
    case 'blob':
      return `/v2/${route.repository}/blobs/${route.digest}`;
    case 'referrers':
      return `/v2/${route.repository}/referrers/${route.digest}`;
    case 'uploads':
      return `/v2/${route.repository}/blobs/uploads/`;
    case 'upload':
      return `/v2/${route.repository}/blobs/uploads/${route.location}`;
    default:
      throw new Error('unreachable');
  }
}

await tap.test('properties', (t) => {
  const component = fc.oneof(
    fc.constantFrom('blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers', 'v2', 'a'),
    fc.stringMatching(/^[a-z0-9]{1,3}(?:[._-][a-z0-9]{1,3}){0,2}$/),
  );
  const name = fc.array(component, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));
  const endings: readonly (readonly [Route['kind'], string])[] = [
    ['tags', 'tags/list'],
    ['manifest', 'manifests/list'],
    ['manifest', 'manifests/uploads'],
    ['manifest', `manifests/${SHA512}`],
    ['blob', `blobs/${SHA256}`],
    ['referrers', `referrers/${SHA256}`],
    ['uploads', 'blobs/uploads/'],
    ['upload', 'blobs/uploads/blobs'],
    ['upload', 'blobs/uploads/tags'],
  ];
  holds(
    t,
    'any name before any endpoint is found again',
    fc.property(name, fc.constantFrom(...endings), (repository, [kind, ending]) => {
      const route = parseRoute(`/v2/${repository}/${ending}`);
      assert.equal(route.kind, kind);
      assert.ok('repository' in route);
      assert.equal(route.repository, repository);
    }),
  );
  const pieces = fc
    .array(
      fc.constantFrom(
        '/',
        '//',
        'v2',
        'a',
        'A',
        '..',
        '.',
        '%2f',
        '%3a',
        ':',
        '\\',
        '\0',
        'blobs',
        'uploads',
        'manifests',
        'tags/list',
        'referrers',
        SHA256,
        '?',
        '_catalog',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''));
  const anyPath = fc.oneof(
    fc.string({ unit: 'binary' }),
    pieces,
    pieces.map((text) => `/v2/${text}`),
  );
  holds(
    t,
    'no path makes it throw; what it accepts means exactly that path, and holds nothing but safe characters',
    fc.property(anyPath, (path) => {
      const route = parseRoute(path);
      if (route.kind === 'unknown') return;
      if (route.kind === 'invalid') {
        assert.ok(route.message.length > 0);
        return;
      }
      const canonical = formatRoute(route);
      assert.deepEqual(parseRoute(canonical), route);
      const slash = path === '/v2' || path.endsWith('/blobs/uploads') ? '/' : '';
      assert.equal(path.replaceAll(/%3a/gi, ':') + slash, canonical);
      assert.match(canonical, /^\/[A-Za-z0-9._:/-]*$/);
      assert.ok(!canonical.split('/').some((segment) => segment === '..' || segment === '.'));
    }),
  );
  const hostile = stringOf('a-_.', { minLength: 200, maxLength: 255 });
  holds(
    t,
    'long names of separators end',
    fc.property(hostile, (text) => ['tags', 'invalid'].includes(parseRoute(`/v2/${text}/tags/list`).kind)),
  );
  t.end();
});
