import { checkCidrs } from './check-cidrs.ts';
import type { FileConfig, FileRegistry } from './file-config.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Own credentials and a policy for the clients go together; neither is of use, or safe, alone. */
export function checkClients(
  registry: FileRegistry,
  config: FileConfig,
  path: ConfigPath,
): readonly Finding[] {
  const { clients, upstream } = registry;
  const auth = upstream?.auth ?? null;
  if (clients === null) {
    if (auth === null) return [];
    return [
      {
        path: [...path, 'upstream', 'auth'],
        message: "Berth's own credentials would let in everybody who reaches a listener",
        hint: 'add clients (anonymous, htpasswd, mtls or networks) to the registry to say who may use them',
      },
    ];
  }
  const findings = [...checkCidrs(clients.networks, [...path, 'clients', 'networks'])];
  if (auth === null && upstream !== undefined) {
    findings.push({
      path: [...path, 'clients'],
      atKey: true,
      message: 'has no effect without upstream.auth: the upstream decides by the credentials of each client',
      hint: 'add upstream.auth, or remove clients',
    });
  }
  const { anonymous, htpasswd, mtls, networks } = clients;
  if (!anonymous && htpasswd === null && !mtls && networks.length === 0) {
    findings.push({
      path: [...path, 'clients'],
      atKey: true,
      message: 'lets nobody in',
      hint: 'set at least one of anonymous, htpasswd, mtls and networks',
    });
  }
  if (anonymous && (htpasswd !== null || mtls || networks.length > 0)) {
    findings.push({
      path: [...path, 'clients', 'anonymous'],
      message: 'lets everybody in, so that htpasswd, mtls and networks have no effect',
      hint: 'keep anonymous: true alone, or remove it',
    });
  }
  const asked = (config.listeners ?? []).some((listener) => (listener?.tls?.clientCaFile ?? null) !== null);
  if (mtls && !asked) {
    findings.push({
      path: [...path, 'clients', 'mtls'],
      message: 'needs a listener that asks for client certificates',
      hint: 'set tls.clientCaFile of a listener',
    });
  }
  return findings;
}
