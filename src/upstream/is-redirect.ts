/**
 * Statuses whose Location is the next request (RFC 9110 §15.4). 300, 304 and 305 are answers: a choice is the client's, and
 * what 305 names is a proxy.
 */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
