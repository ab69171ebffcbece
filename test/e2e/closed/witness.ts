import { readFile } from 'node:fs/promises';
import type { Daemon } from '../process.ts';
import { run, waitUntil } from '../process.ts';
import { expectEqual } from '../report.ts';
import type { World } from '../world.ts';

/** What can not be talked out of what it saw: the kernel's counters, and the logs of those who would have been written to. */
export type Witness = {
  /** Throws if, since the start, anything at all came to the attacker's account or any write or attack to storage or registry. */
  expectNothing(): Promise<void>;
  /** Packets that have come to the attacker's address. */
  packets(): Promise<number>;
};

const WAIT_MS = 10_000;
/** What no line of an access log may have: methods that change something, and the word that every attack's path has. */
const UNWANTED = /"(POST|PUT|PATCH|DELETE|MERGE|COPY|MOVE|MKCOL) |loot/;

/** What gives the lines that a daemon has logged since. */
async function openTail(daemon: Daemon): Promise<() => Promise<string[]>> {
  const start = (await readFile(daemon.logFile)).length;
  return async () => {
    const bytes = await readFile(daemon.logFile);
    return bytes
      .subarray(start)
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '');
  };
}

/**
 * Begins to watch. Runs in the servers' namespace: a packet to the attacker is seen whether it comes from a client or from
 * Berth itself.
 */
export async function startWitness(
  world: World,
  where: {
    readonly attackerAddress: string;
    readonly attacker: Daemon;
    readonly storage: Daemon;
    readonly registry: Daemon;
    /** Makes a request that storage and registry log, and tells what it can be known by. */
    readonly mark: () => Promise<string>;
  },
): Promise<Witness> {
  const rule = ['INPUT', '-d', where.attackerAddress];
  await run(['iptables', '-w', '-D', ...rule], { allowCodes: [0, 1, 2] });
  await run(['iptables', '-w', '-I', ...rule]);
  const attacker = await openTail(where.attacker);
  const storage = await openTail(where.storage);
  const registry = await openTail(where.registry);
  const askedBefore = world.tokens.requests.length;

  async function packets(): Promise<number> {
    const { stdout } = await run(['iptables', '-w', '-L', 'INPUT', '-n', '-v', '-x']);
    const line = stdout.split('\n').find((each) => each.includes(where.attackerAddress));
    if (line === undefined) throw new Error(`iptables: no counter for ${where.attackerAddress}:\n${stdout}`);
    return Number(line.trim().split(/\s+/)[0]);
  }

  return {
    packets,
    async expectNothing() {
      const mark = await where.mark();
      const logged = async () => {
        const lines = [await registry(), await storage()];
        return lines.every((each) => each.some((line) => line.includes(mark)));
      };
      await waitUntil(`log lines with ${mark}`, logged, { timeoutMs: WAIT_MS });
      expectEqual(await packets(), 0, "packets to the attacker's account");
      expectEqual(await attacker(), [], "log of the attacker's account");
      const unwanted = (lines: readonly string[]) => lines.filter((line) => UNWANTED.test(line));
      expectEqual(unwanted(await storage()), [], 'what came to storage');
      expectEqual(unwanted(await registry()), [], 'what came to the registry');
      const asked = world.tokens.requests.slice(askedBefore);
      expectEqual(
        asked.filter((line) => !/^(GET|POST) \/token(\?|$)/.test(line)),
        [],
        'requests to the token service that are none for a token',
      );
    },
  };
}
