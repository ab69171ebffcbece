import { parseRawUrl } from './raw-url.ts';

/**
 * When a signed URL stops working, in Unix seconds; undefined where it does not tell, which callers must take as "soon".
 *
 * Azure SAS `se`; S3 and Google V4 `X-Amz-Date` + `X-Amz-Expires`, `X-Goog-Date` + `X-Goog-Expires`; S3 and Google V2
 * and CloudFront's canned policy `Expires`; CloudFront's custom `Policy`. Never throws. A value that can not be read
 * counts as absent; where several are there the earliest holds.
 */
export function sourceExpiry(url: string): number | undefined {
  const query = parseRawUrl(url)?.path.split('?')[1];
  if (query === undefined) return undefined;
  const params = new Map<string, string>();
  // The first of two equal names: that is what Azure and S3 sign.
  for (const [name, value] of new URLSearchParams(query)) {
    if (!params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
  const found = [
    parseDate(params.get('se')),
    relative(params.get('x-amz-date'), params.get('x-amz-expires')),
    relative(params.get('x-goog-date'), params.get('x-goog-expires')),
    parseUnixSeconds(params.get('expires')),
    policyExpiry(params.get('policy')),
  ].filter((seconds) => seconds !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** ISO 8601 as Azure takes it: a date, with minutes, or with seconds. */
function parseDate(text: string | undefined): number | undefined {
  if (
    text === undefined ||
    !/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,7})?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
  ) {
    return undefined;
  }
  return whole(Date.parse(text) / 1000);
}

function relative(date: string | undefined, seconds: string | undefined): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(date ?? '');
  if (match === null || !/^\d{1,9}$/.test(seconds ?? '')) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return whole(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000 + Number(seconds));
}

function parseUnixSeconds(text: string | undefined): number | undefined {
  return /^\d{1,12}$/.test(text ?? '') ? Number(text) : undefined;
}

/** CloudFront's base64 puts `-`, `_` and `~` where a URL could not have `+`, `=` and `/`. */
function policyExpiry(policy: string | undefined): number | undefined {
  if (policy === undefined) return undefined;
  const base64 = policy.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/');
  const match = /"AWS:EpochTime"\s*:\s*(\d{1,12})\b/.exec(
    latestPart(Buffer.from(base64, 'base64').toString('latin1')),
  );
  return parseUnixSeconds(match?.[1]);
}

/** From `DateLessThan` on: `DateGreaterThan` holds the start in the same form. */
function latestPart(policy: string): string {
  const start = policy.indexOf('"DateLessThan"');
  return start < 0 ? '' : policy.slice(start);
}

function whole(seconds: number): number | undefined {
  return Number.isFinite(seconds) ? Math.floor(seconds) : undefined;
}
