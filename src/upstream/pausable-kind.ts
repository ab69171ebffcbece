/**
 * The kind of a question by its raw path: upstreams count kinds apart (ACR: reads and lists and writes, Docker Hub:
 * manifests alone), so a 429 to one of them says nothing of the others. Undefined: one that no 429 holds up. That is
 * `/v2/`, with which every client begins, and what is no path of the registry API.
 */
export function pausableKind(rawPath: string): string | undefined {
  const [path = ''] = rawPath.split('?', 1);
  if (path === '/v2/_catalog') return 'catalog';
  return KIND.exec(path)?.[1];
}

/** Greedy: a repository may have any of these words in its name. */
const KIND = /^\/v2\/.+\/(blobs\/uploads|blobs|manifests|referrers|tags)(?:\/|$)/;
