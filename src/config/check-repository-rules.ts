import { parseRepositoryName } from '../oci/repository-name.ts';
import { parseNameGlob } from '../policy/name-glob.ts';
import type { FileList, FileRepositoryRule } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

type Rule = { readonly action: 'allow' | 'deny'; readonly pattern: string; readonly index: number };

/** Patterns must be patterns, fit some repository, and be able to matter. */
export function checkRepositoryRules(
  file: FileList<FileRepositoryRule>,
  path: ConfigPath,
): readonly Finding[] {
  const findings: Finding[] = [];
  const rules: Rule[] = [];
  for (const [index, rule] of file.entries()) {
    if (rule?.pattern === undefined) continue;
    const { pattern, action } = rule;
    const finding = checkPattern(pattern, [...path, index, 'pattern']);
    if (finding !== undefined) findings.push(finding);
    else if (action !== undefined) rules.push({ action, pattern, index });
  }
  return [...findings, ...checkEffect(rules, path)];
}

function checkPattern(pattern: string, path: ConfigPath): Finding | undefined {
  if (parseNameGlob(pattern) === undefined) {
    const hint =
      'write lower-case letters, digits, . _ - and / as in a repository name; * within a component, ** as a whole component';
    return { path, message: `"${pattern}" is not a pattern for repository names`, hint };
  }
  // A wildcard may stand where a name has a letter, so something fits once letters stand there.
  const sample = pattern.replaceAll(/\*+/g, 'x');
  if (parseRepositoryName(sample) !== undefined) return undefined;
  const hint = 'separators (. _ __ -) only stand between letters or digits';
  return { path, message: `"${pattern}" can never match: no repository can have such a name`, hint };
}

function checkEffect(rules: readonly Rule[], path: ConfigPath): readonly Finding[] {
  const denied = rules.filter(({ action }) => action === 'deny');
  const seen = new Map<string, number>();
  return rules.flatMap(({ action, pattern, index }): Finding[] => {
    const at = [...path, index];
    const other = seen.get(`${action} ${pattern}`);
    if (other !== undefined) {
      const message = `"${pattern}" is there twice: repositories[${other}] says the same`;
      return [{ path: at, message, hint: 'remove one' }];
    }
    seen.set(`${action} ${pattern}`, index);
    if (action === 'deny') return [];
    const stronger = denied.find((rule) => covers(rule.pattern, pattern));
    if (stronger === undefined) return [];
    const message = `allow "${pattern}" can never match: the deny rule for "${stronger.pattern}" beats it`;
    return [{ path: at, message, hint: 'remove one of the two, or make the deny rule narrower' }];
  });
}

/** Whether everything that `inner` fits is surely fitted by `outer`; some that are get a no. */
function covers(outer: string, inner: string): boolean {
  if (outer === inner || outer === '**') return true;
  if (!inner.includes('*')) return parseNameGlob(outer)?.(inner) ?? false;
  const below = outer.endsWith('/**') ? outer.slice(0, -2) : undefined;
  return below !== undefined && !below.includes('*') && inner.startsWith(below);
}
