import { HOSTS } from '../hosts-file.ts';
import { run, waitUntil } from '../process.ts';

const BEHIND = [HOSTS.upstream, HOSTS.token, HOSTS.storage];
const WAIT_MS = 60_000;

/**
 * Runs `action` while registry, token service and storage can not be reached from the servers' namespace: new connections
 * are refused and open ones reset. Afterwards waits until `recovered`.
 */
export async function duringOutage(
  action: () => Promise<void>,
  recovered: () => Promise<boolean>,
): Promise<void> {
  const reject = '-p tcp --dport 443 -j REJECT --reject-with tcp-reset'.split(' ');
  const rule = (address: string) => ['OUTPUT', '-d', address, ...reject];
  const laid: string[] = [];
  try {
    for (const { address } of BEHIND) {
      await run(['iptables', '-w', '-I', ...rule(address)]);
      laid.push(address);
    }
    await action();
  } finally {
    for (const address of laid) await run(['iptables', '-w', '-D', ...rule(address)]);
  }
  await waitUntil('Berth after the outage', recovered, { timeoutMs: WAIT_MS });
}
