import type { ConfigPath } from './problem.ts';

/**
 * Fields that Berth is designed to have and does not have yet. They are refused and not ignored: a rule that is accepted
 * and not enforced is a hole.
 */
const NOT_IMPLEMENTED: ReadonlySet<string> = new Set(['workers']);

/** Whether the path names a field of a later version. */
export function isNotImplemented(path: ConfigPath): boolean {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += '[]';
    else text += text === '' ? segment : `.${segment}`;
  }
  return NOT_IMPLEMENTED.has(text);
}
