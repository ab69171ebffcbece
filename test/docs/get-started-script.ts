import { commandsOf, readDocument } from './documents.ts';

/** How the place where docs/get-started.md is tried differs from its reader's. */
export type Place = {
  /** Shell lines before the first command. */
  readonly before: readonly string[];
  /** What is typed for `npx berth`. */
  readonly berth: string;
  /** The registry in the place of Docker Hub: for the command line, and as a registry's fields in the configuration. */
  readonly flags: string;
  readonly fields: string;
  readonly isRun: (command: string) => boolean;
  readonly change: (command: string) => string;
};

/** Its end: as Ctrl-C in a terminal, which every process of the job gets. */
const STOP =
  'stop() { if [ -n "$server" ]; then kill -INT -- "-$server"; wait "$server" || [ $? -ge 128 ]; server=; fi; }';

/** The document's commands in order as one script for bash: a server is left running until the next one is started. */
export function getStartedScript({ before, berth, flags, fields, isRun, change }: Place): string {
  const lines = commandsOf(readDocument('docs/get-started.md'))
    .filter(isRun)
    .map((command) =>
      change(
        command
          .replace('--upstream https://registry-1.docker.io', flags)
          .replace('upstream: { url: "https://registry-1.docker.io" }', fields),
      ).replace(/^npx berth /, () => `${berth} `),
    )
    .map((command) => (command.startsWith(`${berth} serve`) ? servingLines(command) : command));
  return ['set -m -e -o pipefail', STOP, 'server=', 'trap stop EXIT', ...before, ...lines, 'stop'].join('\n');
}

function servingLines(command: string): string {
  return [
    'stop',
    `${command} > serve.log 2>&1 & server=$!`,
    'for turn in $(seq 600); do grep -q \'"msg":"listening"\' serve.log && break; kill -0 "$server"; sleep 0.1; done',
  ].join('\n');
}
