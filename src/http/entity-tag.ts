// One tag of ours has 137 characters at most; clients send one or two.
const MAX_LENGTH = 8192;
const STRONG = /^"[\x21\x23-\x7e\x80-\xff]*"$/;

/** The value of an ETag field where it is a strong one (RFC 9110 section 8.8.3); a weak one says nothing about bytes. */
export function strongEntityTag(etag: string | undefined): string | undefined {
  return etag !== undefined && etag.length <= MAX_LENGTH && STRONG.test(etag) ? etag : undefined;
}

/**
 * Whether an If-None-Match value names `tag` by weak comparison (RFC 9110 sections 8.8.3.2 and 13.1.2); `*` names every tag. A
 * value that breaks the grammar names none, so that the client gets the content.
 */
export function matchesEntityTag(ifNoneMatch: string, tag: string): boolean {
  if (ifNoneMatch.length > MAX_LENGTH) return false;
  const opaque = tag.startsWith('W/') ? tag.slice(2) : tag;
  if (!STRONG.test(opaque)) return false;
  const whole = ifNoneMatch.trim();
  if (whole === '*') return true;
  // Empty list elements are to be skipped (RFC 9110 section 5.6.1).
  const text = whole.replace(/^[ \t,]+/, '');
  const member = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,[ \t,]*|$)/y;
  let found = false;
  while (member.lastIndex < text.length) {
    const match = member.exec(text);
    if (match === null) return false;
    found ||= match[1] === opaque;
  }
  return found;
}

/**
 * Whether an If-Range value lets the range through: the same strong entity tag (RFC 9110 section 13.1.5). A weak tag never does, nor
 * a date, since Berth sends no Last-Modified of its own.
 */
export function ifRangeMatches(value: string, strongTag: string): boolean {
  return STRONG.test(strongTag) && value.trim() === strongTag;
}
