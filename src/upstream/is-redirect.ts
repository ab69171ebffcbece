/** Statuses whose Location is the next request (RFC 9110 §15.4); 300 and 304 are answers. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** Redirects followed in one question: registry to mirror to storage to its CDN is the longest seen. */
export const MAX_HOPS = 3;
