import { Command } from 'commander';

import type { CliDeps } from './cli-deps.ts';
import { findCandidates } from './find-candidates.ts';
import { findConfig } from './read-config.ts';

/** `berth complete`: asked by the completion scripts at each press of the key. */
export function createCompleteCommand(deps: CliDeps): Command {
  return new Command('complete')
    .description(
      'Prints what may come next on a command line, one word and its meaning a line; for the scripts of berth completion.',
    )
    .argument('[words...]', 'the words after berth; the last one is unfinished, or empty')
    .action(async (words: readonly string[]) => {
      const { createProgram } = await import('./create-program.ts');
      const program = await createProgram(deps, words.length > 1 ? words[0] : undefined);
      const candidates = await findCandidates(program, words, registriesOf(deps));
      const lines = candidates.map(({ word, meaning }) =>
        word.startsWith(':') ? word : `${word}\t${meaning}`,
      );
      deps.stdout(lines.map((line) => `${line}\n`).join(''));
    });
}

/** Names of the registries; none where the configuration is not there or has problems: a key press is no place to tell. */
function registriesOf(deps: CliDeps): (config: string | undefined) => Promise<readonly string[]> {
  return async (config) => {
    const found = await findConfig(config, deps).catch(() => undefined);
    return found?.registries.map(({ name }) => name) ?? [];
  };
}
