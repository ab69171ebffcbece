import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** Every document, by path from the repository's root. */
export const DOCUMENTS: readonly string[] = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).toSorted();

export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The content of every fenced block of these languages, in order; `''` is a fence that names none. */
export function blocksOf(text: string, ...languages: readonly string[]): string[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, language = '']) => languages.includes(language))
    .map(([, , block = '']) => block);
}

/**
 * Every command that a document has its reader type: each of a `sh` block (one with a here-document whole, one with `\` at
 * a line's end in one), what stands behind `$ ` in any other block, and indented lines that begin with `berth`.
 */
export function commandsOf(text: string): string[] {
  const prompted = blocksOf(text, '', 'console', 'text')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice('$ '.length));
  const indented = [...text.matchAll(/^(?: {4}|\d+\. .*`)(berth [^`\n]+)`?$/gm)].map(
    ([, command = '']) => command,
  );
  return [...blocksOf(text, 'sh').flatMap(commandsOfBlock), ...prompted, ...indented];
}

export function commandsOfBlock(block: string): string[] {
  const commands: string[] = [];
  let end: string | undefined;
  for (const line of block.replaceAll('\\\n', '').split('\n')) {
    if (end !== undefined) {
      commands.push(`${commands.pop()}\n${line}`);
      if (line === end) end = undefined;
      continue;
    }
    const command = line.replace(/(^|\s+)#.*$/, '').trim();
    if (command === '') continue;
    commands.push(command);
    end = /<<'(\w+)'/.exec(command)?.[1];
  }
  return commands;
}
