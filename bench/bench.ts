import type { Figure } from './figure.ts';
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
  run: (bench: Bench) => Promise<SectionResult>;
};

/** What a section has found, to be read and to be compared. */
export type SectionResult = {
  markdown: string;
  figures: readonly Figure[];
};
