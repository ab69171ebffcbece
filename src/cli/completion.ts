import { Argument, Command } from 'commander';

import type { CliDeps } from './cli-deps.ts';
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from './completion-scripts.ts';

/** `berth completion`: what a shell reads to complete Berth's command lines. */
export function createCompletionCommand(deps: CliDeps): Command {
  return new Command('completion')
    .description(
      "Prints a shell's completion script: commands, options, formats, and the registries of the configuration.",
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => deps.stdout(COMPLETION_SCRIPTS[shell]));
}
