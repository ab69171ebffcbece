export type Attributes = Readonly<Record<string, string | number>>;

/** Markup, not text: what came from elsewhere goes through `text`. */
export type Markup = string & { readonly markup: unique symbol };

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** XML 1.0, section 2.2, Char, has most of these not at all, and the rest show nothing. */
const NO_CHARACTERS = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu;
const DECIMALS = 2;

/** An element of SVG, a line each, so that a change can be read. */
export function element(name: string, attributes: Attributes, ...children: readonly Markup[]): Markup {
  const all = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? formatNumber(value) : escape(value)}"`)
    .join('');
  if (children.length === 0) return `<${name}${all}/>` as Markup;
  const isText = children.every((child) => !child.includes('<'));
  const content = isText ? children.join('') : `\n${children.join('\n')}\n`;
  return `<${name}${all}>${content}</${name}>` as Markup;
}

export function text(content: string): Markup {
  return escape(content) as Markup;
}

function escape(content: string): string {
  return content
    .toWellFormed()
    .replace(NO_CHARACTERS, '')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A hundredth of a pixel is enough; throws on what is no number, which would be drawn nowhere. */
function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} can not be drawn`);
  return String(Number(value.toFixed(DECIMALS)) + 0);
}
