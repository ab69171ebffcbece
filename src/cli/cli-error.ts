import { formatProblem, type Problem } from '../config/problem.ts';

/** Exit codes of every command: 0 is done. */
export const EXIT = { failed: 1, wrongUsage: 2 } as const;

/** Ends a command; the message is for the person at the terminal as it is: what is wrong, where, what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A configuration is wrong: one problem a line, each with its place in the file. */
export class ConfigProblems extends CliError {
  readonly problems: readonly Problem[];

  constructor(fileName: string, problems: readonly Problem[]) {
    super(problems.map((problem) => formatProblem(problem, fileName)).join('\n'));
    this.problems = problems;
  }
}
