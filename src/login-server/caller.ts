import type { DoorRequest } from '../listener/door-request.ts';
import { ociError } from '../oci/error.ts';
import type { ClientPolicy } from '../policy/client-policy.ts';
import type { LoginServerDeps } from './login-server-deps.ts';

/** On whose behalf the upstream is asked. */
export type Caller = {
  /** The client's own Authorization; undefined where it sent none, or where Berth asks with its own credentials. */
  readonly authorization: string | undefined;
  /** May write, as far as Berth's own policy goes; the upstream has its say as well. */
  readonly mayWrite: boolean;
};

/**
 * Who asks (A5). Where Berth holds credentials of its own, its own policy lets clients in, and only somebody it knows by
 * name or certificate may write: everybody would push with Berth's rights otherwise.
 *
 * @throws OciError 401 with a Basic challenge, 403, or 429
 */
export function admitCaller(call: DoorRequest, deps: LoginServerDeps): Caller | Promise<Caller> {
  const { clients } = deps;
  if (clients !== undefined) return admitByPolicy(call, clients, deps);
  return { authorization: call.request.raw.headers.authorization, mayWrite: true };
}

async function admitByPolicy(
  call: DoorRequest,
  clients: ClientPolicy,
  deps: LoginServerDeps,
): Promise<Caller> {
  const { authorization } = call.request.raw.headers;
  const { context } = call;
  const decision = await clients.decide({
    address: context.clientAddress,
    authorization,
    clientCertificate: context.clientCertificate,
  });
  switch (decision.kind) {
    case 'allowed': {
      deps.metrics.policyDecisions.inc({ decision: 'allowed' });
      context.access.principal = decision.principal;
      const known = decision.principal === 'certificate' || decision.principal.startsWith('user:');
      return { authorization: undefined, mayWrite: known };
    }
    case 'challenge':
      deps.metrics.policyDecisions.inc({ decision: 'challenge' });
      // Clients first ask without credentials: that is how they learn that some are needed.
      if (authorization !== undefined) context.refuse('client_policy', 'wrong_credentials');
      throw unauthorized('This registry asks for a user name and password; log in and try again.');
    case 'denied':
      deps.metrics.policyDecisions.inc({ decision: 'denied' });
      context.refuse('client_policy', 'not_let_in');
      throw ociError('DENIED', {
        message: `A client at ${context.clientAddress} is not let in here; ask the operator of this registry proxy.`,
      });
    case 'throttled':
      deps.metrics.policyDecisions.inc({ decision: 'throttled' });
      context.refuse('client_policy', 'throttled');
      throw ociError('TOOMANYREQUESTS', {
        message: 'Too many passwords to check from here, or too many wrong ones; wait before the next try.',
        headers: { 'retry-after': String(decision.retryAfterSeconds) },
      });
  }
}

/** For a caller who is let in but not known: only reading is open to everybody. */
export function refuseAnonymousWrite({ context }: DoorRequest, deps: LoginServerDeps): never {
  context.refuse('client_policy', 'anonymous_write');
  // Where nobody has a password, asking for one would send the client round in circles.
  if (deps.registry.clients?.htpasswdFile == null) {
    throw ociError('DENIED', { message: 'Clients that are not known by name may only read here.' });
  }
  throw unauthorized('Writing needs a user name and password here; log in and try again.');
}

function unauthorized(message: string): Error {
  return ociError('UNAUTHORIZED', {
    message,
    headers: { 'www-authenticate': 'Basic realm="Berth", charset="UTF-8"' },
  });
}
