import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Observation } from './observe.ts';
import { run } from './process.ts';
import { createSpace } from './space.ts';
import { USERS } from './token-service.ts';
import { type World, withClientSetup } from './world.ts';

/** Statuses of the OCI conformance program's tests, by full name; some names come several times, in any order. */
export type ConformanceResult = ReadonlyMap<string, readonly string[]>;

const TIMEOUT_MS = 240_000;

/** Reads the tree that the program prints: one indented `<name>: <status>` a line, errors below with a dash. */
function parseTree(stdout: string): ConformanceResult {
  const result = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const match = /^\s*([^-\s].*): (Pass|FAIL|Skip|Error|Disabled|Unknown)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    result.set(match[1], [...(result.get(match[1]) ?? []), match[2]]);
  }
  if (result.size < 20) throw new Error(`conformance: only ${result.size} results:\n${stdout.slice(-2000)}`);
  return result;
}

export type ConformanceRun = { readonly result: ConformanceResult; readonly seen: Observation };

/** Runs the program as a client of `registry` that may reach `hosts` alone; its repositories are below `folder`. */
export async function runConformance(
  world: World,
  registry: string,
  folder: string,
  hosts: readonly string[],
): Promise<ConformanceRun> {
  let stdout = '';
  const seen = await world.observer.observe(hosts, () =>
    withClientSetup(world, 'conformance', new Map(), async (setup) => {
      const space = await createSpace(setup.namespace, join(setup.directory, 'space'), setup.machinePid);
      const results = join(setup.directory, 'results');
      await mkdir(results);
      const env = {
        PATH: process.env['PATH'],
        HOME: setup.directory,
        SSL_CERT_FILE: setup.caFile,
        OCI_RESULTS_DIR: results,
        OCI_REGISTRY: registry,
        OCI_TLS: 'enabled',
        OCI_REPO1: `conformance/${folder}/one`,
        OCI_REPO2: `conformance/${folder}/two`,
        OCI_USERNAME: 'pusher',
        OCI_PASSWORD: USERS.pusher,
        OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
      };
      const argv = space.argv([world.programs.conformance]);
      // It exits 1 when the registry fails something: that is judged by comparison.
      const output = await run(argv, {
        env,
        cwd: setup.directory,
        timeoutMs: TIMEOUT_MS,
        allowCodes: [0, 1],
      });
      stdout = output.stdout;
    }),
  );
  if (process.env['BERTH_E2E_VERBOSE'] !== undefined) console.log(stdout);
  return { result: parseTree(stdout), seen };
}

/** `694 Pass, 113 FAIL, 19 Skip`, groups of tests counted beside their tests, as the program prints them. */
export function summarize(result: ConformanceResult): string {
  const counts = new Map<string, number>();
  for (const status of [...result.values()].flat()) counts.set(status, (counts.get(status) ?? 0) + 1);
  return ['Pass', 'FAIL', 'Skip', 'Error', 'Disabled', 'Unknown']
    .flatMap((status) => (counts.has(status) ? `${counts.get(status)} ${status}` : []))
    .join(', ');
}

function passes(result: ConformanceResult, name: string): number {
  return (result.get(name) ?? []).filter((status) => status === 'Pass').length;
}

/** Names of the tests that pass more often in `one` than in `other`. */
export function passedOnlyIn(one: ConformanceResult, other: ConformanceResult): string[] {
  return [...one.keys()].filter((name) => passes(one, name) > passes(other, name));
}
