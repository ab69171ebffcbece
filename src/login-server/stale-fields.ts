/** RFC 9111 §5.1; and the distribution-spec's warnings, which clients show (code 299, agent `-`). */
export function staleFields(since: number, now: number): Record<string, string> {
  const seconds = Math.max(0, Math.floor((now - since) / 1000));
  return {
    age: String(seconds),
    warning: `299 - "The upstream registry does not answer; this is what it said ${seconds} seconds ago."`,
  };
}
