import type { Command } from 'commander';
import t from 'tap';
import { createProgram } from '../../src/cli/create-program.ts';
import { testDeps } from '../support/cli-deps.ts';
import { DOCUMENTS, readDocument } from './documents.ts';

// What stands in a sentence is not run, but it has to be a command, and its options have to be options of it.

const program = await createProgram(testDeps().deps);

/** What is wrong with the words behind `berth`. */
function faultOf(words: readonly string[]): string | undefined {
  let command: Command = program;
  const rest = [...words];
  while (rest[0] !== undefined && command.commands.length > 0 && !rest[0].startsWith('-')) {
    const name = rest.shift() ?? '';
    // A choice of commands: `generate|rotate`.
    const found = name.split('|').map((one) => command.commands.find((known) => known.name() === one));
    if (found.includes(undefined)) return `${name} is no command of ${command.name()}`;
    command = found[0] ?? command;
  }
  for (const word of rest.filter((one) => one.startsWith('-'))) {
    const flag = word.split('=')[0];
    const known = command.options.some(({ long, short }) => long === flag || short === flag);
    if (!known && flag !== '--help' && flag !== '--version')
      return `${word} is no option of ${command.name()}`;
  }
  return undefined;
}

t.test('every command in a sentence is one, with options that it has', async (t) => {
  let count = 0;
  for (const file of DOCUMENTS) {
    const prose = readDocument(file).replaceAll(/^```[\s\S]*?^```$/gm, '');
    for (const [, line = ''] of prose.matchAll(/`(?:npx )?berth ([a-z][^`\n]*)`/g)) {
      count += 1;
      const fault = faultOf(line.split(/\s+/));
      if (fault !== undefined) t.fail(`${file}: berth ${line}: ${fault}`);
    }
  }
  t.ok(count > 50, `${count} commands`);
});
