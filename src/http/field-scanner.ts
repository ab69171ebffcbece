/**
 * A cursor over one field value with the lexical rules of RFC 9110 section 5.6. Each `take…` moves on where it matches and
 * leaves the cursor alone where it does not. No step looks back, so a whole parse is linear in the value's length.
 */
export type FieldScanner = {
  readonly done: () => boolean;
  readonly position: () => number;
  readonly moveTo: (position: number) => void;
  /** One given character. */
  readonly take: (character: string) => boolean;
  /** Optional whitespace: spaces and tabs. */
  readonly skipOws: () => void;
  readonly takeToken: () => string | undefined;
  /** token68 of RFC 9110 section 11.2. */
  readonly takeToken68: () => string | undefined;
  /** The text inside a quoted-string, quoted-pairs resolved. */
  readonly takeQuotedString: () => string | undefined;
};

// Sticky expressions are stateful, so each scanner has its own.
export function createFieldScanner(value: string): FieldScanner {
  const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
  const token68 = /[A-Za-z0-9\-._~+/]+=*/y;
  const quoted = /"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"/y;
  let at = 0;

  const takeMatch = (expression: RegExp): string | undefined => {
    expression.lastIndex = at;
    const text = expression.exec(value)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };

  return {
    done: () => at >= value.length,
    position: () => at,
    moveTo(position) {
      at = position;
    },
    take(character) {
      if (value[at] !== character) return false;
      at += 1;
      return true;
    },
    skipOws() {
      while (value[at] === ' ' || value[at] === '\t') at += 1;
    },
    takeToken: () => takeMatch(token),
    takeToken68: () => takeMatch(token68),
    takeQuotedString() {
      return takeMatch(quoted)?.slice(1, -1).replace(/\\(.)/gs, '$1');
    },
  };
}
