import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Berth } from '../berth.ts';
import { inNamespace } from '../network.ts';
import { run } from '../process.ts';
import type { World } from '../world.ts';

/** The clients' own firewall, as their administrator handles it. */
export type ClosedNetwork = {
  /** Loads exactly what `berth firewall-rules` prints, as docs/firewall.md says; gives the rules. */
  load(): Promise<string>;
  /** Packets that were dropped since, since no rule lets them through. */
  dropped(): Promise<number>;
  /** Everything open again, for the scenarios after this one. */
  open(): Promise<void>;
};

export async function createClosedNetwork(world: World, berth: Berth, name: string): Promise<ClosedNetwork> {
  const here = (...argv: string[]) => run(inNamespace(world.network.clients, argv));
  const directory = join(world.directory, 'closed-rules');
  await mkdir(directory, { recursive: true });
  const file = join(directory, `${name}.rules`);
  return {
    async load() {
      const { stdout } = await berth.command(['firewall-rules', '--name', name, '--format', 'iptables']);
      await writeFile(file, stdout);
      await here('iptables-restore', file);
      await here('ip6tables-restore', file);
      return stdout;
    },
    async dropped() {
      const { stdout } = await here('iptables', '-w', '-L', 'OUTPUT', '-n', '-v', '-x');
      const packets = /^Chain OUTPUT \(policy DROP (\d+) packets/.exec(stdout)?.[1];
      if (packets === undefined) throw new Error(`iptables: OUTPUT is not closed:\n${stdout}`);
      return Number(packets);
    },
    async open() {
      for (const program of ['iptables', 'ip6tables']) {
        await here(program, '-w', '-P', 'OUTPUT', 'ACCEPT');
        await here(program, '-w', '-F', 'OUTPUT');
      }
    },
  };
}
