import type { Command } from 'commander';
import { createProgram } from '../../src/cli/create-program.ts';
import { testDeps } from './cli-deps.ts';

/** The text of `docs/cli.md`: the help of every command. */
export async function cliMarkdown(): Promise<string> {
  const program = await createProgram(testDeps({ columns: 100 }).deps);
  const parts = [
    '# Commands',
    '<!-- Generated from src/cli by "node test/support/write-generated.ts"; a test compares them. -->',
    '`berth` is `node src/main.ts` in a clone. Exit codes: 0 done, 1 failed, 2 wrong usage. What was asked for goes to standard\noutput, everything else to standard error; `serve` logs JSON lines to standard output.',
    ...program.commands.flatMap((command) => describe(command, 'berth')),
  ];
  return `${parts.join('\n\n')}\n`;
}

function describe(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`;
  let text = '';
  command.configureOutput({ writeOut: (part) => void (text += part) }).outputHelp();
  const help = `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
  return [`## ${name}`, help, ...command.commands.flatMap((inner) => describe(inner, name))];
}
