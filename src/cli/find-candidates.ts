import type { Command, Option } from 'commander';

export type Candidate = { readonly word: string; readonly meaning: string };

/** The shell completes names of files, or directories, by itself. */
const FILES: readonly Candidate[] = [{ word: ':files', meaning: '' }];
const DIRECTORIES: readonly Candidate[] = [{ word: ':directories', meaning: '' }];

/**
 * What may stand in place of the last word. `registries` are those of the configuration that the words name, if any.
 */
export async function findCandidates(
  program: Command,
  words: readonly string[],
  registries: (config: string | undefined) => Promise<readonly string[]>,
): Promise<readonly Candidate[]> {
  // bash takes `--name=x` for three words.
  const typed = words.filter((word) => word !== '=');
  const current = words.at(-1) === '=' ? '' : (typed.pop() ?? '');
  const place = walk(program, typed);
  const [, inline, begun] = /^(--[a-z-]+)=(.*)$/.exec(current) ?? [];
  const option = inline === undefined ? place.awaited : findOption(place.command, inline);
  const prefix = inline === undefined ? '' : `${inline}=`;
  const names = () => registries(place.config);
  const offered =
    option === undefined
      ? await ofPlace(place, current)
      : await ofOption(option, inline === undefined ? current : (begun ?? ''), names);
  const all = offered.map(({ word, meaning }) => ({
    word: word.startsWith(':') ? word : `${prefix}${word}`,
    meaning,
  }));
  return all.filter(({ word }) => word.startsWith(':') || word.startsWith(current));
}

type Place = {
  readonly command: Command;
  /** The option that the next word is the value of. */
  readonly awaited: Option | undefined;
  /** Value of `--config` so far. */
  readonly config: string | undefined;
  /** Arguments so far. */
  readonly arguments: number;
};

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  let awaited: Option | undefined;
  let config: string | undefined;
  let count = 0;
  for (const word of words) {
    if (awaited !== undefined) {
      if (awaited.long === '--config') config = word;
      awaited = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const [name = '', value] = word.split('=', 2);
      const option = findOption(command, name);
      if (option?.required === true && value === undefined) awaited = option;
      else if (option?.long === '--config') config = value;
      continue;
    }
    const inner = command.commands.find((candidate) => candidate.name() === word);
    if (inner === undefined) count += 1;
    else command = inner;
  }
  return { command, awaited, config, arguments: count };
}

function findOption(command: Command, name: string): Option | undefined {
  return command.options.find(({ long, short }) => long === name || short === name);
}

async function ofOption(
  option: Option,
  begun: string,
  registries: () => Promise<readonly string[]>,
): Promise<readonly Candidate[]> {
  if (option.argChoices !== undefined) return option.argChoices.map(plain);
  if (option.long === '--name') {
    // Several may be given with commas.
    const before = option.variadic ? begun.slice(0, begun.lastIndexOf(',') + 1) : '';
    return (await registries()).map((name) => ({ word: `${before}${name}`, meaning: 'registry' }));
  }
  return ofValue(option.flags);
}

async function ofPlace({ command, arguments: count }: Place, current: string): Promise<readonly Candidate[]> {
  if (current.startsWith('-')) {
    return [
      ...command.options.flatMap(({ long, description }) =>
        long === undefined ? [] : [{ word: long, meaning: description }],
      ),
      { word: '--help', meaning: 'display help for command' },
    ];
  }
  if (command.commands.length > 0) {
    if (count > 0) return [];
    return command.commands.map((inner) => ({ word: inner.name(), meaning: inner.description() }));
  }
  const argument = command.registeredArguments[count];
  if (argument === undefined) return [];
  return argument.argChoices === undefined ? ofValue(`<${argument.name()}>`) : argument.argChoices.map(plain);
}

/** By the word that stands for it in the help. */
function ofValue(flags: string): readonly Candidate[] {
  if (/<(file|path)>/.test(flags)) return FILES;
  return /<directory>/.test(flags) ? DIRECTORIES : [];
}

function plain(word: string): Candidate {
  return { word, meaning: '' };
}
