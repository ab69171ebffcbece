import * as fc from 'fast-check';

/** Pieces that parsers trip over: separators, quotes, escapes, encodings, control characters, odd numbers. */
const NASTY = [
  '',
  ' ',
  '\t',
  '\r\n',
  '\n',
  '\0',
  '"',
  "'",
  '\\',
  '\\"',
  ',',
  ';',
  '=',
  '==',
  ':',
  '/',
  '//',
  '..',
  '/../',
  '%2e',
  '%2F',
  '%00',
  '%',
  '%zz',
  '?',
  '&',
  '#',
  '@',
  '-',
  '--',
  '0-',
  '-0',
  'bytes=',
  '9007199254740993',
  '1e9',
  '0x10',
  '\u00e9',
  '\ud800',
  '\u202e',
  '*',
  '{',
  '}',
  '[',
  ']',
  '[]',
  '~',
  '|',
  '<<',
  '&a',
  '*a',
  '!!js/function',
  'true',
  'null',
  'é'.repeat(300),
];

type Edit = { readonly at: number; readonly cut: number; readonly piece: string };

const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(4000),
  cut: fc.nat(12),
  piece: fc.oneof(
    fc.constantFrom(...NASTY),
    fc.string({ maxLength: 8 }),
    fc.string({ maxLength: 4, unit: 'binary' }),
  ),
});

/** Valid samples with a few edits, and text without any sense: what a fuzzer would find by itself in an hour. */
export function mutated(samples: readonly string[]): fc.Arbitrary<string> {
  const edited = fc
    .tuple(fc.constantFrom(...samples), fc.array(edit, { maxLength: 6 }))
    .map(([sample, edits]) => edits.reduce(apply, sample));
  return fc.oneof(
    { weight: 6, arbitrary: edited },
    { weight: 1, arbitrary: fc.string({ maxLength: 200, unit: 'binary' }) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom(...NASTY), { maxLength: 40 }).map((pieces) => pieces.join('')),
    },
  );
}

function apply(text: string, { at, cut, piece }: Edit): string {
  const from = text.length === 0 ? 0 : at % (text.length + 1);
  return `${text.slice(0, from)}${piece}${text.slice(from + cut)}`;
}
