import tap from 'tap';
import { OCI_ERRORS } from '../../src/oci/error.ts';
import { parseRoute } from '../../src/oci/route.ts';

const HEX = '0123456789abcdef'.repeat(4);
const SHA256 = `sha256:${HEX}`;

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
