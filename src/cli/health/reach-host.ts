import { checkCertificate } from './check-certificate.ts';
import { findAddresses } from './find-addresses.ts';
import type { Finding } from './finding.ts';
import type { HealthDeps } from './health-deps.ts';
import { tryConnections } from './try-connection.ts';

export type Reached = {
  /** One that takes connections, and TLS where asked for; undefined: what is in the way is among the findings. */
  readonly address: string | undefined;
  readonly findings: readonly Finding[];
};

/** Name, connection and certificate of an origin, in this order: what lies behind a fault is not looked at. */
export async function reachHost(
  origin: URL,
  ca: string | undefined,
  deps: HealthDeps,
  judgeAddresses: (addresses: readonly string[]) => readonly Finding[] = () => [],
): Promise<Reached> {
  const isSecure = origin.protocol === 'https:';
  const name = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = origin.port === '' ? (isSecure ? 443 : 80) : Number(origin.port);
  const { addresses, finding } = await findAddresses(name, deps);
  const findings: Finding[] = finding === undefined ? [] : [finding];
  if (addresses.length === 0) return { address: undefined, findings };
  findings.push(...judgeAddresses(addresses));
  const connections = await tryConnections(name, addresses, port, deps);
  findings.push(connections.finding);
  const [address] = connections.open;
  if (address === undefined || !isSecure) return { address, findings };
  const certificate = await checkCertificate(name, { address, port }, ca, deps);
  findings.push(certificate);
  return { address: spokeTls(certificate) ? address : undefined, findings };
}

/** One with a wrong certificate can still be asked what it is. */
function spokeTls({ state, detail }: Finding): boolean {
  return state !== 'fail' || detail.startsWith('it ');
}
