import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Workspace } from '../workspace.ts';
import { stripSources } from './strip-sources.ts';

const run = promisify(execFile);

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = ['src/**/*.ts', 'bench/instructions/calls.ts', 'test/ticket/sample-ticket.ts'];
/** Node's own function around a script of `node:vm`: counting begins and ends there. */
const COUNTED =
  'node::contextify::ContextifyScript::RunInContext(v8::FunctionCallbackInfo<v8::Value> const&)';
/** valgrind makes everything some fifty times as slow. */
const TIMEOUT_MS = 600_000;
/** No compiler, no threads, no chance. */
const FLAGS = ['--jitless', '--single-threaded', '--predictable', '--hash-seed=1', '--random-seed=1'];

/** Instructions of one call of each kind, by its name, what it takes to call it taken off. */
export async function countInstructions(
  workspace: Workspace,
  calls: number,
): Promise<ReadonlyMap<string, number>> {
  const directory = join(workspace.directory, workspace.uniqueName('instructions'));
  stripSources(ROOT, SOURCES, directory);
  const output = join(directory, 'callgrind');
  try {
    const { stdout } = await run(
      'valgrind',
      [
        '--tool=callgrind',
        '--collect-atstart=no',
        `--toggle-collect=${COUNTED}`,
        `--dump-after=${COUNTED}`,
        `--callgrind-out-file=${output}`,
        process.execPath,
        ...FLAGS,
        join(directory, 'bench', 'instructions', 'calls.js'),
        String(calls),
      ],
      { timeout: TIMEOUT_MS, env: { PATH: process.env['PATH'] } },
    );
    const names: readonly string[] = JSON.parse(stdout);
    // A last file without a number is of the end of the process, when nothing is counted.
    const dumps = readdirSync(directory).filter((file) => /^callgrind\.\d+$/.test(file)).length;
    if (dumps !== names.length) {
      throw new Error(
        `${dumps} counts for ${names.length} kinds of calls: is ${COUNTED} still what runs a script?`,
      );
    }
    const totals = names.map((_, at) => parseTotal(readFileSync(`${output}.${at + 1}`, 'utf8')));
    const [nothing = 0] = totals;
    return new Map(
      names.map((name, at): [string, number] => [name, ((totals[at] ?? 0) - nothing) / calls]).slice(1),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `totals:` of a file of callgrind's: instructions. */
export function parseTotal(dump: string): number {
  const total = /^(?:totals|summary): (\d+)$/m.exec(dump)?.[1];
  if (total === undefined) throw new Error('callgrind wrote no total');
  return Number(total);
}
