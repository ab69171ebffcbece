/** Path and query with a further query after it, `query` without its `?`; both stay byte for byte. */
export function appendQuery(path: string, query: string): string {
  if (query === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}
