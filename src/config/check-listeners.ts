import { isIP } from 'node:net';

import { checkCidrs } from './check-cidrs.ts';
import type { FileConfig, FileListener } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Addresses, ports that collide, and whose word is taken for the client's address. */
export function checkListeners(config: FileConfig): readonly Finding[] {
  const findings: Finding[] = [];
  const taken: Bound[] = [];
  for (const [index, listener] of (config.listeners ?? []).entries()) {
    if (listener === undefined) continue;
    const path = ['listeners', index];
    findings.push(...checkAddress(listener.address, [...path, 'address']));
    findings.push(...checkTrust(listener, path));
    if (listener.port !== undefined) {
      const bound = { address: listener.address, port: listener.port, name: `listeners[${index}]` };
      findings.push(...checkPort(bound, taken, [...path, 'port']));
      taken.push(bound);
    }
  }
  if (config.metrics !== null) {
    findings.push(...checkAddress(config.metrics.address, ['metrics', 'address']));
    findings.push(...checkPort({ ...config.metrics, name: 'metrics' }, taken, ['metrics', 'port']));
  }
  return findings;
}

type Bound = { readonly address: string; readonly port: number; readonly name: string };

function checkAddress(address: string, path: ConfigPath): readonly Finding[] {
  if (isIP(address) !== 0) return [];
  const hint =
    'write ::, 0.0.0.0, or one address of this machine without brackets or port, such as 127.0.0.1';
  return [{ path, message: `"${address}" is not an IP address`, hint }];
}

function checkPort(bound: Bound, taken: readonly Bound[], path: ConfigPath): readonly Finding[] {
  if (bound.port === 0) return [];
  const other = taken.find(
    ({ address, port }) =>
      port === bound.port && (address === bound.address || covers(address, bound.address)),
  );
  if (other === undefined) return [];
  return [{ path, message: `port ${bound.port} is taken by ${other.name}`, hint: 'give each its own port' }];
}

/** `::` takes the port of every address; `0.0.0.0` of every IPv4 address. */
function covers(one: string, other: string): boolean {
  if (one === '::' || other === '::') return true;
  return (one === '0.0.0.0' && isIP(other) === 4) || (other === '0.0.0.0' && isIP(one) === 4);
}

function checkTrust(listener: FileListener, path: ConfigPath): readonly Finding[] {
  const { clientAddress, trustedProxies } = listener;
  const findings = [...checkCidrs(trustedProxies, [...path, 'trustedProxies'])];
  if (clientAddress !== 'socket' && trustedProxies.length === 0) {
    findings.push({
      path: [...path, 'clientAddress'],
      message: `${clientAddress} needs trustedProxies, otherwise anybody could claim any address`,
      hint: "list the proxies' CIDRs in trustedProxies, or write clientAddress: socket",
    });
  }
  if (clientAddress === 'socket' && trustedProxies.length > 0) {
    findings.push({
      path: [...path, 'trustedProxies'],
      message: 'has no effect with clientAddress: socket',
      hint: 'say what these proxies send with clientAddress (xForwardedFor, forwarded or proxyProtocol), or remove it',
    });
  }
  return findings;
}
