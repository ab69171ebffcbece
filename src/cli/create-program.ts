import { Command, CommanderError } from 'commander';

import { createCacheCommand } from './cache.ts';
import { createCheckCommand } from './check.ts';
import { createCheckHealthCommand } from './check-health.ts';
import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems, EXIT } from './cli-error.ts';
import { createClientConfigCommand } from './client-config.ts';
import { createFirewallRulesCommand } from './firewall-rules.ts';
import { createReportCommand } from './report.ts';
import { createServeCommand } from './serve.ts';
import { createShowEndpointsCommand } from './show-endpoints.ts';
import { createTicketKeyCommand } from './ticket-key.ts';
import { createUpdateCommand } from './update.ts';
import { createWarmCommand } from './warm.ts';

/** All commands; `docs/cli.md` is generated from them. */
export function createProgram(deps: CliDeps): Command {
  const program = new Command('berth')
    .description('OCI registry reverse proxy that gives any registry dedicated data endpoints.')
    .version(deps.version)
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage.');
  for (const create of [
    createServeCommand,
    createCheckCommand,
    createShowEndpointsCommand,
    createUpdateCommand,
    createReportCommand,
    createWarmCommand,
    createCacheCommand,
    createFirewallRulesCommand,
    createTicketKeyCommand,
    createClientConfigCommand,
    createCheckHealthCommand,
  ]) {
    program.addCommand(create(deps));
  }
  prepare(program, deps);
  return program;
}

/** Runs the command line and gives the process its exit code; never throws. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  try {
    await createProgram(deps).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // commander has printed the help or its own words about the usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.wrongUsage;
    const message = error instanceof Error ? error.message : 'failed for an unknown reason';
    const prefix = error instanceof ConfigProblems ? '' : 'berth: ';
    // Several problems of the flags are a line each.
    if (message !== '') deps.stderr(message.replaceAll(/^/gm, prefix) + '\n');
    return error instanceof CliError ? error.exitCode : EXIT.failed;
  }
}

function prepare(command: Command, deps: CliDeps): void {
  command
    .exitOverride()
    .showHelpAfterError('(berth --help lists the commands and their options)')
    .configureOutput({
      writeOut: (text) => deps.stdout(text),
      writeErr: (text) => deps.stderr(text),
      getOutHelpWidth: () => deps.columns,
      getErrHelpWidth: () => deps.columns,
    });
  for (const inner of command.commands) prepare(inner, deps);
}
