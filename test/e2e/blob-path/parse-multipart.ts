export type Part = { readonly firstPos: number; readonly lastPos: number; readonly bytes: Buffer };

const CRLF = Buffer.from('\r\n');

/** The line that begins at `offset`, without its end, and what is behind it. */
function takeLine(body: Buffer, offset: number): { readonly line: string; readonly next: number } {
  const end = body.indexOf(CRLF, offset);
  if (end < 0) throw new Error(`multipart: no end of line after byte ${offset}`);
  return { line: body.toString('latin1', offset, end), next: end + CRLF.length };
}

function takeFields(body: Buffer, offset: number): { readonly fields: Map<string, string>; next: number } {
  const fields = new Map<string, string>();
  let next = offset;
  for (;;) {
    const taken = takeLine(body, next);
    next = taken.next;
    if (taken.line === '') return { fields, next };
    const [, name = '', value = ''] = /^([^:\s]+):\s*(.*?)\s*$/.exec(taken.line) ?? [];
    if (name === '') throw new Error(`multipart: "${taken.line}" is no field`);
    fields.set(name.toLowerCase(), value);
  }
}

/**
 * Reads a `multipart/byteranges` body (RFC 9110 §14.6, RFC 2046 §5.1) as strictly as a client may: a delimiter must stand
 * exactly where a part's Content-Range says that it ends, and nothing may follow the last one. Shares no code with Berth.
 */
export function parseMultipart(contentType: string, body: Buffer, completeLength: number): readonly Part[] {
  const [, boundary = ''] =
    /^multipart\/byteranges; ?boundary="?([\w'()+,./:=?-]{1,70})"?$/i.exec(contentType) ?? [];
  if (boundary === '') throw new Error(`multipart: no boundary in ${contentType}`);
  const parts: Part[] = [];
  // The first delimiter's leading line end is optional.
  let offset = body.subarray(0, CRLF.length).equals(CRLF) ? CRLF.length : 0;
  for (;;) {
    const delimiter = takeLine(body, offset);
    if (delimiter.line === `--${boundary}--`) {
      if (delimiter.next !== body.length) throw new Error('multipart: something follows the last delimiter');
      return parts;
    }
    if (delimiter.line !== `--${boundary}`) {
      throw new Error(`multipart: "${delimiter.line.slice(0, 80)}" stands where a delimiter must be`);
    }
    const { fields, next } = takeFields(body, delimiter.next);
    if (!fields.has('content-type')) throw new Error('multipart: a part without Content-Type');
    const contentRange = fields.get('content-range') ?? '';
    const [, first, last, complete] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange) ?? [];
    const [firstPos, lastPos] = [Number(first), Number(last)];
    if (Number(complete) !== completeLength || !(firstPos <= lastPos && lastPos < completeLength)) {
      throw new Error(`multipart: Content-Range "${contentRange}" of a blob of ${completeLength} bytes`);
    }
    const end = next + lastPos - firstPos + 1;
    parts.push({ firstPos, lastPos, bytes: body.subarray(next, end) });
    if (!body.subarray(end, end + CRLF.length).equals(CRLF)) {
      throw new Error(`multipart: the part ${contentRange} is not as long as it says`);
    }
    offset = end + CRLF.length;
  }
}
