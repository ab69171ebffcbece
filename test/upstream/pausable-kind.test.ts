import t from 'tap';
import { pausableKind } from '../../src/upstream/pausable-kind.ts';

t.test('the kind of a question, whatever its repository is called', async (t) => {
  const rows: [string, string | undefined][] = [
    ['/v2/', undefined],
    ['/v2/_catalog?n=1', 'catalog'],
    ['/v2/a/tags/list?n=1', 'tags'],
    ['/v2/a/manifests/latest', 'manifests'],
    ['/v2/blobs/manifests/manifests/latest', 'manifests'],
    ['/v2/a/b/blobs/sha256:00', 'blobs'],
    ['/v2/a/blobs/uploads/', 'blobs/uploads'],
    ['/v2/a/blobs/uploads/some-session?state=/tags/', 'blobs/uploads'],
    ['/v2/a/referrers/sha256:00', 'referrers'],
    ['/oauth2/token?scope=/v2/a/tags/', undefined],
    ['/artifacts-uploads/1', undefined],
  ];
  for (const [path, kind] of rows) t.equal(pausableKind(path), kind, path);
});
