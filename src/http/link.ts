import { createFieldScanner } from './field-scanner.ts';

// A cursor (`last=`, or an opaque one) and a repository name come to well under this.
const MAX_LENGTH = 8192;
// RFC 3986 characters and everything printable that careless servers leave unescaped; never a delimiter of the field.
const TARGET = /^[\x21-\x3b\x3d\x3f-\x7e\x80-\xff]*$/;

/**
 * The value of a Link field (RFC 8288 section 3) with every target replaced by what `rewriteTarget` says; parameters keep their
 * bytes. Reading ends at the first place that breaks the grammar: the links before it are returned, the rest is
 * left out, for a link that is not understood would lead past the proxy. Empty where nothing is left. The callback's
 * answer must be a URI reference; a link with any other, or with none, is left out.
 */
export function rewriteLinks(value: string, rewriteTarget: (uri: string) => string | undefined): string {
  if (value.length > MAX_LENGTH) return '';
  const scanner = createFieldScanner(value);
  const links: string[] = [];
  for (;;) {
    do scanner.skipOws();
    while (scanner.take(','));
    if (scanner.done() || !scanner.take('<')) break;
    const close = value.indexOf('>', scanner.position());
    if (close < 0) break;
    const target = value.slice(scanner.position(), close);
    scanner.moveTo(close + 1);
    const params = takeParams();
    if (params === undefined || !TARGET.test(target)) break;
    const rewritten = rewriteTarget(target);
    if (rewritten !== undefined && TARGET.test(rewritten)) links.push(`<${rewritten}>${params}`);
  }
  return links.join(', ');

  /** The parameters as they stand, up to the comma or the end; undefined where they break the grammar. */
  function takeParams(): string | undefined {
    const start = scanner.position();
    let end = start;
    for (;;) {
      scanner.skipOws();
      if (scanner.done() || scanner.take(',')) return value.slice(start, end);
      if (!scanner.take(';')) return undefined;
      scanner.skipOws();
      // `;` without a parameter after it is allowed by RFC 8288 appendix B.2, which is how recipients parse.
      if (scanner.takeToken() !== undefined) {
        scanner.skipOws();
        if (scanner.take('=')) {
          scanner.skipOws();
          if (scanner.takeQuotedString() === undefined && scanner.takeToken() === undefined) return undefined;
        }
      }
      end = scanner.position();
    }
  }
}
