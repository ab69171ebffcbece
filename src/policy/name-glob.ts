/** Whether a repository name fits a pattern; time is linear in the name for a given pattern. */
export type NameGlob = (name: string) => boolean;

/** Of a whole pattern; a repository name has at most as many. */
const MAX_PATTERN_LENGTH = 255;

/** `dirs` stands before the two tokens of a `**` and its slash: both may be left out together. */
type Token = { readonly kind: 'text'; readonly char: string } | { readonly kind: 'part' | 'any' | 'dirs' };

/**
 * Reads a pattern for repository names: `*` stands for any characters other than a slash, none included; `**` as a whole
 * component for any number of components (as the first one it makes the rest fit at any depth, as the last one it takes all below). The whole name
 * must fit. Undefined: not of this form.
 */
export function parseNameGlob(pattern: string): NameGlob | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined;
  const components = pattern.split('/');
  const ok = components.every(
    (part) => part === '**' || (/^[a-z0-9._*-]+$/.test(part) && !part.includes('**')),
  );
  if (!ok) return undefined;
  if (!pattern.includes('*')) return (name) => name === pattern;
  const tokens = components.flatMap((part, index) => tokensOf(part, index === components.length - 1));
  const prefix = pattern.slice(0, pattern.indexOf('*'));
  return (name) => name.startsWith(prefix) && fits(tokens, name);
}

function tokensOf(component: string, last: boolean): Token[] {
  const slash: Token[] = last ? [] : [{ kind: 'text', char: '/' }];
  if (component === '**') return last ? [{ kind: 'any' }] : [{ kind: 'dirs' }, { kind: 'any' }, ...slash];
  const inner = component
    .split('')
    .map((char): Token => (char === '*' ? { kind: 'part' } : { kind: 'text', char }));
  return [...inner, ...slash];
}

/** All positions at once, never back: a client chooses the name, and backtracking would let it choose the time. */
function fits(tokens: readonly Token[], name: string): boolean {
  let positions = new Set<number>();
  enter(0, tokens, positions);
  for (const char of name) {
    const next = new Set<number>();
    for (const position of positions) {
      const token = tokens[position];
      if (token?.kind === 'text' && token.char === char) enter(position + 1, tokens, next);
      if (token?.kind === 'any' || (token?.kind === 'part' && char !== '/')) enter(position, tokens, next);
    }
    positions = next;
  }
  return positions.has(tokens.length);
}

/** Adds a position and those that are reached from it without a character. */
function enter(position: number, tokens: readonly Token[], positions: Set<number>): void {
  if (positions.has(position)) return;
  positions.add(position);
  const kind = tokens[position]?.kind;
  if (kind === 'part' || kind === 'any' || kind === 'dirs') enter(position + 1, tokens, positions);
  if (kind === 'dirs') enter(position + 3, tokens, positions);
}
