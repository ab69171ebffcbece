import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import tap from 'tap';
import { formatReference } from '../../src/oci/reference.ts';
import { parseRoute, type Route } from '../../src/oci/route.ts';
import { holds, stringOf } from '../support/property.ts';

const HEX = '0123456789abcdef'.repeat(4);
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;

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
