import type { Options } from './options.ts';
import type { Workspace } from './workspace.ts';

/** What every section is given. */
export type Bench = {
  options: Options;
  workspace: Workspace;
  /** Path of distribution's `registry`. */
  distributionProgram: string;
  /** Progress, to standard error. */
  say: (line: string) => void;
};

/** A part of the benchmark that can be run alone, by its name on the command line. */
export type SectionRun = {
  name: string;
  title: string;
  /** Gives the section's Markdown. */
  run: (bench: Bench) => Promise<string>;
};
