import t from 'tap';
import { tokenScope } from '../../src/upstream/token-scope.ts';

t.test('scopes', async (t) => {
  const rows: [string, string, string | undefined][] = [
    ['GET', '/v2/', undefined],
    ['GET', '/v2/_catalog?n=2', 'registry:catalog:*'],
    ['GET', '/v2/library/alpine/manifests/latest', 'repository:library/alpine:pull'],
    ['HEAD', '/v2/a/blobs/sha256%3Aaa', 'repository:a:pull'],
    ['GET', '/v2/a/manifests/tags', 'repository:a:pull'],
    ['GET', '/v2/a/manifests/tags/list', 'repository:a/manifests:pull'],
    ['GET', '/v2/a/tags/list?n=1&last=b', 'repository:a:pull'],
    ['GET', '/v2/a/referrers/sha256:aa', 'repository:a:pull'],
    ['PUT', '/v2/a/manifests/1', 'repository:a:pull,push'],
    ['POST', '/v2/a/b/blobs/uploads/', 'repository:a/b:pull,push'],
    ['POST', '/v2/a/blobs/uploads', 'repository:a:pull,push'],
    ['POST', '/v2/a/blobs/uploads/?mount=sha256:aa&from=x%2Fy', 'repository:a:pull,push repository:x/y:pull'],
    ['POST', '/v2/a/blobs/uploads/?from=x%3Apush+registry%3Acatalog%3A*&mount=y', 'repository:a:pull,push'],
    ['PATCH', '/v2/a/blobs/uploads/uuid?_state=x', 'repository:a:pull,push'],
    ['GET', '/v2/a/blobs/uploads/uuid', 'repository:a:pull,push'],
    ['DELETE', '/v2/a/blobs/uploads/uuid', 'repository:a:pull,push'],
    ['DELETE', '/v2/a/manifests/sha256:aa', 'repository:a:delete,pull,push'],
    ['PUT', '/artifacts-uploads/namespaces/x', undefined],
  ];
  for (const [method, path, scope] of rows) t.equal(tokenScope(method, path), scope, `${method} ${path}`);
});
