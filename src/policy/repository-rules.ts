import type { RepositoryRule } from '../config/config.ts';
import { parseNameGlob } from './name-glob.ts';

export type RepositoryRules = {
  /** False: every repository is open, and nothing needs to be filtered. */
  readonly any: boolean;
  /** Whether clients may know of, read and write this repository. */
  isOpen(repository: string): boolean;
};

/**
 * The rules of one registry (`rules.repositories`). Their order does not matter: deny beats allow, and where there is an
 * allow rule at all, what none of them names is closed.
 *
 * @throws {TypeError} where a pattern is none; the configuration's loader has refused those with their place.
 */
export function createRepositoryRules(rules: readonly RepositoryRule[]): RepositoryRules {
  const of = (action: RepositoryRule['action']) =>
    rules.filter((rule) => rule.action === action).map(({ pattern }) => globOf(pattern));
  const denied = of('deny');
  const allowed = of('allow');
  return {
    any: rules.length > 0,
    isOpen(repository) {
      if (denied.some((fits) => fits(repository))) return false;
      return allowed.length === 0 || allowed.some((fits) => fits(repository));
    },
  };
}

function globOf(pattern: string) {
  const glob = parseNameGlob(pattern);
  if (glob === undefined) throw new TypeError(`not a pattern: ${JSON.stringify(pattern)}`);
  return glob;
}
