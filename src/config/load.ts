import { type CheckInput, checkConfig, type LoadResult } from './check-config.ts';
import { parseYamlFile } from './yaml-file.ts';

export type { LoadResult } from './check-config.ts';

export type LoadInput = CheckInput & {
  /** YAML (or JSON, which is YAML). */
  readonly text: string;
};

/**
 * Reads a configuration and reports everything that is wrong with it at once. Does not touch the files that it names:
 * whether a key can be read is for the start to find out, on the machine where it stands.
 */
export function loadConfig({ text, ...input }: LoadInput): LoadResult {
  const parsed = parseYamlFile(text);
  if (parsed.kind === 'ok') return checkConfig(parsed.file, input);
  const problems = parsed.problems.map((problem) => ({
    path: '',
    ...problem,
    hint: 'correct the YAML; the rest is checked after that',
  }));
  return { kind: 'problems', problems };
}
