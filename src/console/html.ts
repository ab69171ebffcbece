/** Markup that is safe to put into a page as it is. */
export type Html = { readonly markup: string };

type Value = Html | string | number | null | undefined | readonly Html[];

/** A template whose values are escaped for text and for quoted attributes, unless they are markup already. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  let markup = parts[0] ?? '';
  for (const [index, value] of values.entries()) markup += show(value) + (parts[index + 1] ?? '');
  return { markup };
}

function show(value: Value): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string' || typeof value === 'number') return escape(String(value));
  if ('markup' in value) return value.markup;
  return value.map(({ markup }) => markup).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
