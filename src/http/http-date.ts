const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = String.raw`(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})`;
// RFC 9110 section 5.6.7: the first is sent, all three must be understood.
const FORMS = [
  new RegExp(String.raw`^${DAY}, (?<day>\d{2}) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`),
  new RegExp(String.raw`^${LONG_DAY}, (?<day>\d{2})-${MONTH}-(?<year>\d{2}) ${TIME} GMT$`),
  new RegExp(String.raw`^${DAY} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`),
];

/**
 * An HTTP-date in any of its three forms, in Unix milliseconds; undefined where it is none or names no real instant. The day of
 * the week is not checked against the date. `nowMs` settles the century of the two-digit form: more than 50 years
 * ahead means the past.
 */
export function parseHttpDate(value: string, nowMs: number): number | undefined {
  // Wednesday's long form, the longest, has 33 characters.
  if (value.length > 40) return undefined;
  for (const form of FORMS) {
    const groups = form.exec(value)?.groups;
    if (groups !== undefined) return toInstant(groups, nowMs);
  }
  return undefined;
}

function toInstant(groups: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const part = (name: string): number => Number(groups[name]);
  const month = MONTHS.indexOf(groups['month'] ?? '');
  if (part('hour') > 23 || part('minute') > 59 || part('second') > 60) return undefined;
  const fullYear = groups['year']?.length === 2 ? resolveCentury(part('year'), nowMs) : part('year');
  const date = new Date(0);
  date.setUTCFullYear(fullYear, month, part('day'));
  if (date.getUTCMonth() !== month || date.getUTCDate() !== part('day')) return undefined;
  date.setUTCHours(part('hour'), part('minute'), part('second'));
  return date.getTime();
}

function resolveCentury(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
