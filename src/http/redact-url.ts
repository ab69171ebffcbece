/** Query keys whose values may appear in a log: they say what was asked for, never by what right. */
const ALLOWED_KEYS: ReadonlySet<string> = new Set([
  'artifactType',
  'd',
  'digest',
  'from',
  'last',
  'mount',
  'n',
  'ns',
  'r',
  'scope',
  'se',
  'service',
  'sp',
  'sr',
  'sv',
  'v',
]);
const REDACTED = 'REDACTED';
// A digest has 135 characters at most, a repository name 255.
const MAX_VALUE_LENGTH = 300;
// `;` parts parameters for some servers, and a second `=` or `?` hints at a nested query.
const PLAIN_VALUE = /^[A-Za-z0-9._~!$'()*+,:@/%-]*$/;
const PLAIN_KEY = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * A URL that may stand in a log or in an error message: user information and fragment gone, every query value that is not on the
 * list replaced by `REDACTED`. Takes absolute http(s) URLs and origin-form targets (`/path?query`). Never throws; what it
 * can not read it does not show.
 */
export function redactUrl(url: string | URL): string {
  const text = typeof url === 'string' ? url : url.href;
  if (text.startsWith('/') && !text.startsWith('//')) return redactQuery(text);
  const parsed = URL.parse(text);
  if (parsed === null) return 'invalid-url';
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') return `${parsed.protocol}${REDACTED}`;
  return redactQuery(`${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search}`);
}

function redactQuery(text: string): string {
  const hash = text.indexOf('#');
  const withoutFragment = hash < 0 ? text : text.slice(0, hash);
  const mark = withoutFragment.indexOf('?');
  if (mark < 0) return withoutFragment;
  const pairs = withoutFragment.slice(mark + 1).split('&');
  return `${withoutFragment.slice(0, mark)}?${pairs.map(redactPair).join('&')}`;
}

function redactPair(pair: string): string {
  if (pair === '') return '';
  const equals = pair.indexOf('=');
  // A key without a value may be the secret itself (`?<token>`).
  if (equals < 0) return ALLOWED_KEYS.has(pair) ? pair : REDACTED;
  const key = pair.slice(0, equals);
  const value = pair.slice(equals + 1);
  if (!PLAIN_KEY.test(key)) return `${REDACTED}=${REDACTED}`;
  const shown = ALLOWED_KEYS.has(key) && value.length <= MAX_VALUE_LENGTH && PLAIN_VALUE.test(value);
  return `${key}=${shown ? value : REDACTED}`;
}
