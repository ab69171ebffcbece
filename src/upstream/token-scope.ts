import { parseRepositoryName } from '../oci/repository-name.ts';

/**
 * The scope that a request needs, in the words of the token specification (`type:name:actions`), from its raw path;
 * undefined where the registry asks for none (`/v2/`). A challenge says it as well, but only after a refused request,
 * and a streamed upload can not be sent twice.
 */
export function tokenScope(method: string, rawPath: string): string | undefined {
  const [path = '', query = ''] = rawPath.split('?', 2);
  if (path === '/v2/_catalog') return 'registry:catalog:*';
  const match = REPOSITORY_PATH.exec(path);
  const repository = match?.[1];
  if (repository === undefined) return undefined;
  const isUpload = match?.[2] !== undefined;
  const own = `repository:${repository}:${actions(method, isUpload)}`;
  // Parsed, since it is the client's: a space in it would be a scope of its own.
  const from = method === 'POST' ? new URLSearchParams(query).get('from') : null;
  const source = from === null ? undefined : parseRepositoryName(from);
  return source === undefined ? own : `${own} repository:${source}:pull`;
}

const REPOSITORY_PATH =
  /^\/v2\/([a-z0-9._/-]{1,255})\/(?:(blobs\/uploads)(?:\/[^/]*)?|(?:manifests|blobs|referrers)\/[^/]+|tags\/list)$/;

function actions(method: string, isUpload: boolean): string {
  if (isUpload) return 'pull,push';
  if (method === 'GET' || method === 'HEAD') return 'pull';
  // Deleting content is an action of its own (ACR, distribution, Harbor).
  return method === 'DELETE' ? 'delete,pull,push' : 'pull,push';
}
