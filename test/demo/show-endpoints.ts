import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Milliseconds for one command that only reads a file. */
const DEADLINE_MS = 20_000;

export type ShownEndpoints = {
  /** As the command printed it. */
  readonly text: string;
  readonly loginServer: string;
  readonly dataEndpoints: readonly string[];
};

/** Runs `berth show-endpoints` as a user does. */
export async function runShowEndpoints(configFile: string, name: string): Promise<ShownEndpoints> {
  const command = [MAIN, 'show-endpoints', '--config', configFile, '--name', name];
  const { stdout } = await promisify(execFile)(process.execPath, command, { timeout: DEADLINE_MS });
  const document: {
    readonly loginServer: string;
    readonly dataEndpoints: readonly { readonly endpoint: string }[];
  } = JSON.parse(stdout);
  return {
    text: stdout.trimEnd(),
    loginServer: document.loginServer,
    dataEndpoints: document.dataEndpoints.map(({ endpoint }) => endpoint),
  };
}
