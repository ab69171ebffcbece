import { Command, CommanderError } from 'commander';

import type { CliDeps } from './cli-deps.ts';
import { CliError, ConfigProblems, EXIT } from './cli-error.ts';
import { EXAMPLES } from './examples.ts';

/** Loaded one by one: `serve` does not wait for what the others need. In the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<(deps: CliDeps) => Command>>> = {
  serve: async () => (await import('./serve.ts')).createServeCommand,
  check: async () => (await import('./check.ts')).createCheckCommand,
  'show-endpoints': async () => (await import('./show-endpoints.ts')).createShowEndpointsCommand,
  update: async () => (await import('./update.ts')).createUpdateCommand,
  regions: async () => (await import('./regions.ts')).createRegionsCommand,
  report: async () => (await import('./report.ts')).createReportCommand,
  warm: async () => (await import('./warm.ts')).createWarmCommand,
  cache: async () => (await import('./cache.ts')).createCacheCommand,
  'firewall-rules': async () => (await import('./firewall-rules.ts')).createFirewallRulesCommand,
  'ticket-key': async () => (await import('./ticket-key.ts')).createTicketKeyCommand,
  'client-config': async () => (await import('./client-config.ts')).createClientConfigCommand,
  'check-health': async () => (await import('./check-health.ts')).createCheckHealthCommand,
  completion: async () => (await import('./completion.ts')).createCompletionCommand,
  complete: async () => (await import('./complete.ts')).createCompleteCommand,
};

/** All commands, or the one that the first word names; `docs/cli.md` is generated from them. */
export async function createProgram(deps: CliDeps, firstWord?: string): Promise<Command> {
  const program = new Command('berth')
    .description('OCI registry reverse proxy that gives any registry dedicated data endpoints.')
    .version(deps.version)
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 wrong usage.');
  const named =
    firstWord !== undefined && Object.hasOwn(COMMANDS, firstWord) ? COMMANDS[firstWord] : undefined;
  for (const load of named === undefined ? Object.values(COMMANDS) : [named]) {
    program.addCommand((await load())(deps));
  }
  prepare(program, '', deps);
  return program;
}

/** Runs the command line and gives the process its exit code; never throws. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  try {
    const program = await createProgram(deps, args[0]);
    await program.parseAsync(args, { from: 'user' });
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

function prepare(command: Command, path: string, deps: CliDeps): void {
  const examples = EXAMPLES[path] ?? [];
  if (examples.length > 0) {
    const title = examples.length === 1 ? 'Example' : 'Examples';
    command.addHelpText('after', `\n${title}:\n${examples.map((line) => `  ${line}`).join('\n')}`);
  }
  command
    .exitOverride()
    .showHelpAfterError(
      path === ''
        ? '(berth --help lists the commands)'
        : `(berth ${path} --help lists its options, with an example)`,
    )
    .configureOutput({
      writeOut: (text) => deps.stdout(text),
      writeErr: (text) => deps.stderr(text),
      getOutHelpWidth: () => deps.columns,
      getErrHelpWidth: () => deps.columns,
    });
  for (const inner of command.commands) prepare(inner, `${path} ${inner.name()}`.trim(), deps);
}
