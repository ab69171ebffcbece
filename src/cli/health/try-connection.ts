import { connect, isIPv6 } from 'node:net';

import { errorCode } from '../../system/error-code.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';

type Outcome = {
  readonly address: string;
  readonly kind: 'open' | 'refused' | 'silent' | 'unreachable' | 'failed';
  readonly code: string;
};

/** Opens a TCP connection to each address, all at once; `open` are those that took it. */
export async function tryConnections(
  host: string,
  addresses: readonly string[],
  port: number,
  deps: HealthDeps,
): Promise<{ readonly open: readonly string[]; readonly finding: Finding }> {
  const outcomes = await Promise.all(addresses.map((address) => tryOne(address, port, deps.timeoutMs)));
  const open = outcomes.filter(({ kind }) => kind === 'open').map(({ address }) => address);
  return { open, finding: judge(host, port, outcomes, deps.timeoutMs) };
}

function tryOne(address: string, port: number, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (kind: Outcome['kind'], code: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ address, kind, code });
    };
    const timer = setTimeout(() => end('silent', 'ETIMEDOUT'), timeoutMs);
    socket.on('connect', () => end('open', ''));
    socket.on('error', (error) => {
      const code = errorCode(error) ?? 'unknown error';
      end(KINDS[code] ?? 'failed', code);
    });
  });
}

const KINDS: Readonly<Record<string, Outcome['kind']>> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'silent',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
};

function judge(host: string, port: number, outcomes: readonly Outcome[], timeoutMs: number): Finding {
  const bad = outcomes.filter(({ kind }) => kind !== 'open');
  const [first] = bad;
  if (first === undefined) return ok('connect', host, `port ${port} is open`);
  const words = bad.map((outcome) => describe(outcome, port, timeoutMs)).join('; ');
  if (bad.length < outcomes.length) {
    const family = familyOf(bad, outcomes);
    return warn(
      'connect',
      host,
      words,
      family === undefined
        ? 'clients that are given this address first wait for it: repair it, or take it out of the DNS'
        : `${family} does not get there from here: repair its route, or take the ${family === 'IPv6' ? 'AAAA' : 'A'} record away for these clients`,
    );
  }
  return fail('connect', host, words, adviceFor(first, outcomes, port));
}

function describe({ address, kind, code }: Outcome, port: number, timeoutMs: number): string {
  const place = `${address} port ${port}`;
  switch (kind) {
    case 'refused':
      return `${place} refuses connections`;
    case 'silent':
      return `${place} gives no sign within ${timeoutMs / 1000} s`;
    case 'unreachable':
      return `there is no way to ${place} (${code})`;
    case 'open':
    case 'failed':
      return `${place}: ${code}`;
  }
}

function adviceFor({ kind }: Outcome, outcomes: readonly Outcome[], port: number): string {
  switch (kind) {
    case 'open':
    case 'failed':
      return 'look at the network between here and there';
    case 'refused':
      return `start what should listen there, or correct the DNS record or port; a firewall that rejects looks the same`;
    case 'silent':
      return `a firewall drops the packets: let TCP port ${port} to this address through ("berth firewall-rules" prints the rules)`;
    case 'unreachable':
      return outcomes.every(({ address }) => isIPv6(address))
        ? 'the name has IPv6 addresses alone and this machine has no IPv6: add an A record, or give the machine IPv6'
        : 'add a route to this network, or correct the DNS record';
  }
}

/** The family that fails as a whole while the other one works. */
function familyOf(bad: readonly Outcome[], all: readonly Outcome[]): 'IPv4' | 'IPv6' | undefined {
  const isBad = new Set(bad.map(({ address }) => address));
  const works = (v6: boolean): boolean =>
    all.some(({ address }) => isIPv6(address) === v6 && !isBad.has(address));
  const has = (v6: boolean): boolean => all.some(({ address }) => isIPv6(address) === v6);
  if (has(true) && !works(true)) return 'IPv6';
  if (has(false) && !works(false)) return 'IPv4';
  return undefined;
}
