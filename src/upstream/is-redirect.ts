/** Statuses whose Location is the next request (RFC 9110 §15.4); 300 and 304 are answers. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
