import { allHosts, RESOLVER_ADDRESS } from './hosts-file.ts';
import { inNamespace } from './network.ts';
import { run } from './process.ts';
import type { Resolver } from './resolver.ts';

export type Observation = {
  /** Names of the hosts that a connection was opened to, sorted. */
  readonly connected: readonly string[];
  /** What was tried beside them and refused: host names, or `elsewhere` for any other address. */
  readonly refused: readonly string[];
  /** Names that a DNS server was asked for: none is needed, all hosts of the run are in the hosts file. */
  readonly asked: readonly string[];
};

export type Observer = {
  /**
   * Runs `action` while the clients' firewall lets connections through to `allowed` alone; every attempt is counted by
   * address, and each host has its own. The counters are the kernel's: nothing is sampled, nothing can be missed.
   */
  observe(allowed: readonly string[], action: () => Promise<void>): Promise<Observation>;
};

const ELSEWHERE = 'elsewhere';
const NEW_CONNECTION = ['-p', 'tcp', '--syn'];

/** Watches the one wire that the clients' network namespace has. */
export function createObserver(namespace: string, resolver: Resolver): Observer {
  const iptables = (...args: string[]) => run(inNamespace(namespace, ['iptables', '-w', ...args]));
  const lay = async (allowed: readonly string[]) => {
    await iptables('-F', 'OUTPUT');
    await iptables('-A', 'OUTPUT', '-o', 'lo', '-j', 'ACCEPT');
    for (const { name, address } of allHosts()) {
      const target = allowed.includes(name) ? ['ACCEPT'] : ['REJECT', '--reject-with', 'tcp-reset'];
      await iptables('-A', 'OUTPUT', '-d', address, ...NEW_CONNECTION, '-j', ...target);
    }
    await iptables('-A', 'OUTPUT', '-d', RESOLVER_ADDRESS, '-p', 'udp', '--dport', '53', '-j', 'ACCEPT');
    // What belongs to a connection that was let through.
    await iptables('-A', 'OUTPUT', '-p', 'tcp', '!', '--syn', '-j', 'ACCEPT');
    await iptables('-A', 'OUTPUT', '-j', 'REJECT');
  };
  const counted = async (): Promise<Map<string, number>> => {
    const { stdout } = await iptables('-L', 'OUTPUT', '-n', '-v', '-x');
    const counts = new Map<string, number>();
    for (const line of stdout.split('\n').slice(2)) {
      const fields = line.trim().split(/\s+/);
      const packets = Number(fields[0]);
      const host = allHosts().find((candidate) => candidate.address === fields[8]);
      if (host !== undefined) counts.set(host.name, packets);
      else if (fields[2] === 'REJECT') counts.set(ELSEWHERE, packets);
    }
    if (counts.size !== allHosts().length + 1)
      throw new Error(`iptables: counters not understood:\n${stdout}`);
    return counts;
  };
  return {
    async observe(allowed, action) {
      await lay(allowed);
      await iptables('-Z', 'OUTPUT');
      resolver.takeQuestions();
      let failure: unknown;
      try {
        await action();
      } catch (error) {
        failure = error;
      }
      const reached = [...(await counted())]
        .flatMap(([name, packets]) => (packets > 0 ? [name] : []))
        .toSorted();
      const connected = reached.filter((name) => allowed.includes(name));
      const refused = reached.filter((name) => !allowed.includes(name));
      const asked = resolver.takeQuestions();
      if (failure !== undefined) {
        const text = failure instanceof Error ? failure.message : 'not an Error';
        throw new Error(
          `${text}\n    [connected: ${connected.join(', ')}; refused: ${refused.join(', ')}; asked DNS for: ${asked.join(', ')}]`,
        );
      }
      return { connected, refused, asked };
    },
  };
}
