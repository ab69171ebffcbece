export type MultipartPart = { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };

/**
 * Takes a multipart body apart by its boundaries alone, as RFC 2046 section 5.1.1 has it, and believes no length: what a
 * client does that has never seen Berth's own code. Throws where the body is not exactly parts and an end.
 */
export function parseMultipart(contentType: string, body: Buffer): MultipartPart[] {
  const boundary = /^multipart\/byteranges; *boundary="?([0-9A-Za-z'()+_,./:=? -]{1,70})"?$/i.exec(
    contentType,
  )?.[1];
  if (boundary === undefined) throw new Error(`no boundary in ${contentType}`);
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  // The first delimiter needs no line break before it.
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const pieces: Buffer[] = [];
  let from = text.indexOf(delimiter);
  if (from !== 0) throw new Error('the body does not begin with a boundary');
  for (;;) {
    const start = from + delimiter.length;
    const next = text.indexOf(delimiter, start);
    if (next < 0) {
      if (text.subarray(start).toString('latin1') !== '--\r\n')
        throw new Error('no closing boundary at the end');
      return pieces.map(parsePart);
    }
    pieces.push(text.subarray(start, next));
    from = next;
  }
}

function parsePart(piece: Buffer): MultipartPart {
  if (piece.subarray(0, 2).toString('latin1') !== '\r\n') throw new Error('a boundary line does not end');
  const end = piece.indexOf('\r\n\r\n');
  if (end < 0) throw new Error('a part without the end of its header section');
  const lines = piece.subarray(2, end).toString('latin1').split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const match = /^([!-9;-~]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null) throw new Error(`no field: ${line}`);
    headers[(match[1] ?? '').toLowerCase()] = match[2] ?? '';
  }
  return { headers, body: piece.subarray(end + 4) };
}
