/** An answer of Redis in RESP2; an error within a list is a value. */
export type Reply = string | number | null | Error | readonly Reply[];

export type ReplyReader = {
  /** @throws Error where the answer is none, or longer than it may be: nothing after it can be read */
  push(chunk: Buffer): void;
};

export type ReplyReaderDeps = {
  readonly onReply: (reply: Reply) => void;
  /** Bytes of one answer. */
  readonly maxBytes: number;
};

/** Bytes of a line: a number, a length, or an error of which the first words count. */
const MAX_LINE_BYTES = 4096;
/** Items of one answer's lists: of a name and a value for each piece that is noted of a blob there are half as many. */
const MAX_ITEMS = 131_072;
/** Lists within lists; Berth asks for nothing that has any. */
const MAX_DEPTH = 4;
const CR = 0x0d;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

type List = { readonly items: Reply[]; left: number };

/**
 * Reads answers as they come in (https://redis.io/docs/latest/develop/reference/protocol-spec/). What is announced costs nothing before it is there: of
 * a list no place is taken in advance, and of a text no more than an answer may have.
 */
export function createReplyReader({ onReply, maxBytes }: ReplyReaderDeps): ReplyReader {
  let line: Buffer = NOTHING;
  let text: { readonly bytes: Buffer; filled: number } | undefined;
  const lists: List[] = [];
  /** Of the answer that is being read. */
  let spent = 0;
  let items = 0;

  function spend(bytes: number): void {
    spent += bytes;
    if (spent > maxBytes) throw tooLong();
  }

  function tooLong(): Error {
    return new Error(`Redis answers with more than ${maxBytes} bytes at a time, or announces to`);
  }

  function take(value: Reply): void {
    let reply = value;
    for (let list = lists.at(-1); list !== undefined; list = lists.at(-1)) {
      list.items.push(reply);
      list.left -= 1;
      if (list.left > 0) return;
      lists.pop();
      reply = list.items;
    }
    spent = 0;
    items = 0;
    onReply(reply);
  }

  function takeLine(of: Buffer): void {
    if (of.at(-2) !== CR) throw malformed();
    const rest = of.toString('utf8', 1, of.length - 2);
    switch (String.fromCharCode(of[0] ?? 0)) {
      case '+':
        return take(rest);
      case '-':
        return take(new Error(rest));
      case ':':
        return take(numberOf(rest));
      case '$':
        return beginText(numberOf(rest));
      case '*':
        return beginList(numberOf(rest));
      default:
        throw malformed();
    }
  }

  function beginText(length: number): void {
    if (length === -1) return take(null);
    if (length < 0) throw malformed();
    if (length + 2 > maxBytes - spent) throw tooLong();
    text = { bytes: Buffer.allocUnsafe(length + 2), filled: 0 };
  }

  function beginList(length: number): void {
    if (length === -1) return take(null);
    if (length < 0 || lists.length >= MAX_DEPTH) throw malformed();
    items += length;
    if (items > MAX_ITEMS) throw new Error(`Redis answers with a list of more than ${MAX_ITEMS} items`);
    if (length === 0) return take([]);
    lists.push({ items: [], left: length });
  }

  /** Answers where the rest begins. */
  function readText(into: { readonly bytes: Buffer; filled: number }, chunk: Buffer, from: number): number {
    const copied = chunk.copy(into.bytes, into.filled, from);
    into.filled += copied;
    spend(copied);
    if (into.filled === into.bytes.length) {
      text = undefined;
      const end = into.bytes.length - 2;
      if (into.bytes[end] !== CR || into.bytes[end + 1] !== LF) throw malformed();
      take(into.bytes.toString('utf8', 0, end));
    }
    return from + copied;
  }

  function readLine(chunk: Buffer, from: number): number {
    const at = chunk.indexOf(LF, from);
    const end = at === -1 ? chunk.length : at + 1;
    if (line.length + end - from > MAX_LINE_BYTES) throw malformed();
    spend(end - from);
    const read = chunk.subarray(from, end);
    const known = line.length === 0 ? read : Buffer.concat([line, read]);
    line = at === -1 ? Buffer.from(known) : NOTHING;
    if (at !== -1) takeLine(known);
    return end;
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; ) {
        at = text === undefined ? readLine(chunk, at) : readText(text, chunk, at);
      }
    },
  };
}

function numberOf(text: string): number {
  if (!/^[+-]?\d{1,19}$/.test(text)) throw malformed();
  return Number(text);
}

/** Without what it said: it may be anybody's. */
function malformed(): Error {
  return new Error('what answers does not speak the protocol of Redis (RESP2)');
}
