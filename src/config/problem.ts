/** Where in the configuration: field names and list positions from the top. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong with a configuration. */
export type Problem = {
  /** Such as `registries[0].upstream.url`, or the name of an environment variable; empty: the file as a whole. */
  readonly path: string;
  /** From 1; 0 where the problem is not in the file but in the environment. */
  readonly line: number;
  /** From 1, in characters; 0 like `line`. */
  readonly column: number;
  /** What is wrong. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
};

/** A problem that has not been looked up in the file yet. */
export type Finding = {
  readonly path: ConfigPath;
  /** Points at the field's name instead of its value: for fields that should not be there. */
  readonly atKey?: boolean;
  readonly message: string;
  readonly hint?: string;
};

/** `registries[0].upstream.url`. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else text += text === '' ? segment : `.${segment}`;
  }
  return text;
}

/** `file:line:col: path: what is wrong; what to do`, one line. */
export function formatProblem(problem: Problem, fileName: string): string {
  const place = problem.line === 0 ? 'environment' : `${fileName}:${problem.line}:${problem.column}`;
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : `; ${problem.hint}`;
  return `${place}: ${path}${problem.message}${hint}`.replaceAll(/[\r\n]+/g, ' ');
}
