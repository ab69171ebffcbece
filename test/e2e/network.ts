import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { allHosts, CLIENT_ADDRESS, RESOLVER_ADDRESS } from './hosts-file.ts';
import { run } from './process.ts';

export type Network = {
  /** Network namespace of Berth, the registry, the token service and storage. */
  readonly servers: string;
  /** Network namespace of the clients: one wire to the servers, no other way out. */
  readonly clients: string;
};

const PREFIX = 'berth-e2e';

/** Names carry the pid of the run, so that two runs do not meet. */
export function networkOf(pid: number): Network {
  return { servers: `${PREFIX}-${pid}-s`, clients: `${PREFIX}-${pid}-c` };
}

/** argv of a program in a network namespace; the pid stays that of the program itself. */
export function inNamespace(namespace: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, ...argv];
}

/** Two network namespaces joined by one veth pair; all servers' addresses are on one end. */
export async function createNetwork(network: Network): Promise<void> {
  const { servers, clients } = network;
  await run(['ip', 'netns', 'add', servers]);
  await run(['ip', 'netns', 'add', clients]);
  const pair = ['veth-s', 'netns', servers, 'type', 'veth', 'peer', 'name', 'veth-c', 'netns', clients];
  await run(['ip', 'link', 'add', ...pair]);
  // The counters below are for IPv4: there must be no second way.
  const noIpv6 = 'for each in all default; do echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done';
  await run(inNamespace(clients, ['sh', '-c', noIpv6]));
  const addresses = [...allHosts().map((host) => host.address), RESOLVER_ADDRESS];
  const commands = [
    ...addresses.map((address) => `-n ${servers} address add ${address}/24 dev veth-s`),
    `-n ${servers} link set lo up`,
    `-n ${servers} link set veth-s up`,
    `-n ${clients} address add ${CLIENT_ADDRESS}/24 dev veth-c`,
    `-n ${clients} link set lo up`,
    `-n ${clients} link set veth-c up`,
  ];
  for (const command of commands) await run(['ip', ...command.split(' ')]);
}

async function namespaces(): Promise<string[]> {
  const { stdout } = await run(['ip', 'netns', 'list']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] ?? []);
}

/** Ends what still lives in the namespaces, by pid, then removes them (the wire goes with them). */
export async function removeNetwork(network: Network): Promise<void> {
  const present = await namespaces();
  for (const namespace of [network.clients, network.servers]) {
    if (!present.includes(namespace)) continue;
    const { stdout } = await run(['ip', 'netns', 'pids', namespace]);
    for (const line of stdout.split('\n')) {
      const pid = Number(line);
      if (!Number.isInteger(pid) || pid <= 1) continue;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended meanwhile.
      }
    }
    await run(['ip', 'netns', 'delete', namespace]);
  }
}

async function isRunning(pid: string): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return /e2e|soak/.test(words);
}

/** Removes what a run that was killed outright left behind: namespaces, what lives in them, temporary folders. */
export async function removeLeftovers(temporaryFolder: string): Promise<void> {
  for (const namespace of await namespaces()) {
    const pid = /^berth-e2e-(\d+)-[sc]$/.exec(namespace)?.[1];
    if (pid !== undefined && !(await isRunning(pid))) await removeNetwork(networkOf(Number(pid)));
  }
  for (const name of await readdir(temporaryFolder)) {
    const pid = /^berth-e2e-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !(await isRunning(pid))) {
      await rm(join(temporaryFolder, name), { recursive: true, force: true });
    }
  }
}
