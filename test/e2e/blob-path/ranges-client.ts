import type { TestBlob } from '../../support/image.ts';
import { expect, expectEqual } from '../report.ts';
import type { Answer, Http } from '../upload-image.ts';
import { type Part, parseMultipart } from './parse-multipart.ts';

export type Span = { readonly firstPos: number; readonly lastPos: number };

/** What lazy pullers (stargz, zstd:chunked) ask for: several ranges of one blob in one request. */
export type RangesQuestion = {
  readonly title: string;
  /** Value of the Range field. */
  readonly range: string;
  /** Every byte that must be in the answer; empty: 416 is wanted. */
  readonly wanted: readonly Span[];
  readonly headers?: Readonly<Record<string, string>>;
};

/** A GET that follows a redirect as Go's client does: to another host without credentials. */
export async function getRange(
  http: Http,
  url: string,
  authorization: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const answer = await http.send('GET', url, { headers: { ...headers, authorization } });
  return answer.status === 307
    ? http.send('GET', String(answer.headers['location']), { headers: { ...headers } })
    : answer;
}

function partsOf(answer: Answer, blob: TestBlob): readonly Part[] {
  const type = String(answer.headers['content-type']);
  const length = blob.bytes.length;
  if (type.startsWith('multipart/')) {
    expectEqual(answer.headers['content-range'], undefined, 'Content-Range beside multipart/byteranges');
    return parseMultipart(type, answer.body, length);
  }
  const contentRange = String(answer.headers['content-range']);
  const [, first, last, complete] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange) ?? [];
  expectEqual(Number(complete), length, `complete length in "${contentRange}"`);
  const [firstPos, lastPos] = [Number(first), Number(last)];
  expectEqual(answer.body.length, lastPos - firstPos + 1, `bytes for "${contentRange}"`);
  return [{ firstPos, lastPos, bytes: answer.body }];
}

/** Asks, and compares every byte with the blob itself; tells how many parts came. */
export async function askRanges(
  http: Http,
  where: { readonly url: string; readonly authorization: string; readonly blob: TestBlob },
  { title, range, wanted, headers = {} }: RangesQuestion,
): Promise<number> {
  const { blob } = where;
  const answer = await getRange(http, where.url, where.authorization, { ...headers, range });
  if (wanted.length === 0) {
    expectEqual(answer.status, 416, `${title}: status`);
    expectEqual(answer.headers['content-range'], `bytes */${blob.bytes.length}`, `${title}: Content-Range`);
    return 0;
  }
  expectEqual(answer.status, 206, `${title}: status`);
  expectEqual(answer.headers['content-length'], String(answer.body.length), `${title}: Content-Length`);
  const parts = partsOf(answer, blob);
  for (const { firstPos, lastPos, bytes } of parts) {
    const right = blob.bytes.subarray(firstPos, lastPos + 1).equals(bytes);
    expect(right, `${title}: wrong bytes in ${firstPos}-${lastPos}`);
  }
  for (const { firstPos, lastPos } of wanted) {
    const held = parts.some((part) => part.firstPos <= firstPos && lastPos <= part.lastPos);
    expect(held, `${title}: no part holds ${firstPos}-${lastPos}`);
  }
  const [got, asked] = [parts, wanted].map((list) =>
    list.reduce((sum, each) => sum + each.lastPos - each.firstPos + 1, 0),
  );
  // A server may fill a gap that is cheaper to send than another part's head, no more.
  expect((got ?? 0) <= (asked ?? 0) + 1024 * parts.length, `${title}: ${got} bytes for ${asked}`);
  return parts.length;
}
