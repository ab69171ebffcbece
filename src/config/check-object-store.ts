import type { FileConfig } from './file-config.ts';
import type { Finding } from './problem.ts';

const PATH = ['cache', 'store'];
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];

/** Where the shared blobs are. */
export function checkObjectStore({ directory, store }: FileConfig['cache']): readonly Finding[] {
  if (store === null) return [];
  const findings: Finding[] = [];
  if (directory === null) {
    const hint = 'set cache.directory: blobs pass over the disk on their way to the store and from it';
    findings.push({ path: PATH, message: 'is of no use without cache.directory', hint });
  }
  if (store.kind === 's3' && store.bucket === null) {
    findings.push({ path: [...PATH, 'bucket'], message: 'is missing', hint: 'name the bucket' });
  }
  if (store.kind === 'azure-blob') {
    for (const name of ['bucket', 'region'] as const) {
      if (store[name] === null) continue;
      const hint = 'take it away: the container is named in url';
      findings.push({ path: [...PATH, name], message: 'is for s3', hint });
    }
  }
  return [...findings, ...checkUrl(store)];
}

function checkUrl({ kind, url: text }: NonNullable<FileConfig['cache']['store']>): readonly Finding[] {
  const path = [...PATH, 'url'];
  const hint =
    kind === 's3'
      ? 'write the origin alone: https://host:port'
      : 'write https://<account>.blob.core.windows.net/<container>';
  if (text === null) return kind === 'azure-blob' ? [{ path, message: 'is missing', hint }] : [];
  const url = URL.parse(text);
  // The value itself is not shown: it may be a link with its signature.
  if (url === null || !['https:', 'http:'].includes(url.protocol))
    return [{ path, message: 'is not a URL', hint }];
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    const where = 'put a signature or a key into a file, and name that in cache.store.credentialsFile';
    return [{ path, message: 'has more than host and path', hint: where }];
  }
  const depth = url.pathname.split('/').filter((part) => part !== '').length;
  // An emulator has the account in the path as well.
  const fits = kind === 's3' ? depth === 0 : depth === 1 || depth === 2;
  if (!fits) return [{ path, message: 'has the wrong path', hint }];
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    return [{ path, message: 'is plain http', hint: 'write https: blobs and credentials pass there' }];
  }
  return [];
}
