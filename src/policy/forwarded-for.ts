/**
 * The `for` nodes of a `Forwarded` field (RFC 7239 §4), nearest hop first, at most `maxHops` of them. A hop without
 * one readable `for` gives undefined. `unknown` and obfuscated nodes (§6.2, §6.3) come as they are.
 *
 * Read from the right, because only the right is written by proxies that are trusted: an open quote that a client
 * sends would, read from the left, swallow what the proxy added.
 */
export function parseForwardedFor(value: string, maxHops: number): (string | undefined)[] {
  const nodes: (string | undefined)[] = [];
  let end = value.length;
  while (end > 0 && nodes.length < maxHops) {
    const start = elementStart(value, end);
    nodes.push(parseForNode(value.slice(start, end)));
    end = start - 1;
  }
  return nodes;
}

function elementStart(value: string, end: number): number {
  let quoted = false;
  for (let index = end - 1; index >= 0; index -= 1) {
    if (value[index] === '"') quoted = !quoted;
    else if (value[index] === ',' && !quoted) return index + 1;
  }
  return 0;
}

/** A node needs no escapes (§6), so an element with a backslash is not one that a proxy wrote. */
const ELEMENT =
  /^\s*[^\s;=",\\]+=(?:"[^"\\]*"|[^\s;=",\\]*)(?:\s*;\s*[^\s;=",\\]+=(?:"[^"\\]*"|[^\s;=",\\]*))*\s*$/;
const PAIR = /([^\s;=",\\]+)=(?:"([^"\\]*)"|([^\s;=",\\]*))/g;

function parseForNode(element: string): string | undefined {
  if (!ELEMENT.test(element)) return undefined;
  const nodes = [...element.matchAll(PAIR)].filter(([, name]) => name?.toLowerCase() === 'for');
  const [node] = nodes;
  return nodes.length === 1 ? (node?.[2] ?? node?.[3]) : undefined;
}
