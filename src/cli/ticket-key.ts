import { Command } from 'commander';

import { readKeyFile, writeKeyFile } from '../ticket/key-file.ts';
import { generateTicketKeys, MAX_TICKET_KEYS, rotateTicketKeys } from '../ticket/ticket-keys.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, EXIT } from './cli-error.ts';
import { readConfig } from './read-config.ts';

type Options = { config?: string; file?: string };

/** `berth ticket-key generate|rotate`: the keys that all replicas share. */
export function createTicketKeyCommand(deps: CliDeps): Command {
  const command = new Command('ticket-key').description('Makes or rotates the ticket keys.');
  withFile(command.command('generate'))
    .description('Makes the key file (mode 0600); an existing one is left as it is.')
    .action(async (options: Options) => {
      const path = await keyFile(options, deps);
      await writeKeyFile(path, generateTicketKeys());
      deps.stdout(`made ${path}: keep it secret, and give every replica the same file\n`);
    });
  withFile(command.command('rotate'))
    .description(
      'Lets the key that was published ahead seal, and publishes its successor. Give each result to every replica before the next rotation; they take it up by themselves, and no ticket is lost.',
    )
    .option(
      '--keep <count>',
      'how many retired keys still open tickets; 0 refuses those in flight',
      parseKeep,
      2,
    )
    .action(async (options: Options & { keep: number }) => {
      const path = await keyFile(options, deps);
      const keys = rotateTicketKeys(await readKeyFile(path), { keep: options.keep });
      await writeKeyFile(path, keys, { replace: true });
      deps.stdout(
        `rotated ${path}: ${keys.seal.id} seals, ${keys.open.size} keys open; give the file to every replica before the next rotation; a running Berth takes it up within seconds\n`,
      );
    });
  return command;
}

function withFile(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration, whose ticket.keyFile is used')
    .option('--file <path>', 'the key file itself; no configuration is read then');
}

async function keyFile(options: Options, deps: CliDeps): Promise<string> {
  if (options.file !== undefined && options.config !== undefined) {
    throw new CliError('give either --file or --config, not both', EXIT.wrongUsage);
  }
  if (options.file !== undefined) return options.file;
  const { config, fileName } = await readConfig(options.config, deps);
  if (config.ticket.keyFile === null) throw new CliError(`${fileName} names no ticket.keyFile: use --file`);
  return config.ticket.keyFile;
}

function parseKeep(text: string): number {
  const keep = Number(text);
  if (/^[0-9]{1,2}$/.test(text) && keep <= MAX_TICKET_KEYS - 2) return keep;
  throw new CliError(
    `--keep ${text} is out of range: write a number from 0 to ${MAX_TICKET_KEYS - 2}`,
    EXIT.wrongUsage,
  );
}
