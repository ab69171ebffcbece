/** A short scalar as the reader wrote it; never the userinfo of a URL. */
export function showValue(value: unknown): string {
  if (typeof value === 'string') {
    const text = value.replace(/\/\/[^/]*@/, '//…@');
    return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : describeValue(value);
}

/** What kind of value it is, and a scalar itself: `the text "x"`. */
export function describeValue(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of fields';
  return `the ${typeof value === 'string' ? 'text' : typeof value} ${showValue(value)}`;
}
