import type { DoorRequest } from '../listener/door-request.ts';
import { ociError } from '../oci/error.ts';
import { formatReference } from '../oci/reference.ts';
import { allowedMethods, parseRoute, type Route } from '../oci/route.ts';
import { statusError } from '../oci/status-error.ts';
import { admitRepository } from './admit-repository.ts';
import { answerBlob } from './blob.ts';
import { admitCaller, refuseAnonymousWrite } from './caller.ts';
import { answerCatalog } from './catalog.ts';
import { answerListing } from './listing.ts';
import type { LoginServerDeps } from './login-server-deps.ts';
import { answerManifest } from './manifest.ts';
import { isAnsweredFor } from './namespace.ts';
import { answerPing } from './ping.ts';
import { answerToken } from './token.ts';
import { answerUpload } from './upload.ts';
import { answerWrite } from './write.ts';

/** Door 1: authentication and content discovery, and the way to every blob (docs/request-handling.md A, C, B, P). */
export function createLoginServer(deps: LoginServerDeps): (call: DoorRequest) => Promise<void> {
  return async (call) => {
    const route = routeOf(call);
    checkNamespace(call, deps);
    const writes = isWrite(route, call.request.raw.method);
    if (writes && !deps.registry.push) {
      call.context.refuse('read_only');
      throw ociError('UNSUPPORTED', {
        message: 'This registry is read-only here; push to the registry behind it.',
        headers: { allow: 'GET, HEAD', connection: 'close' },
      });
    }
    if (route.kind === 'token') {
      await answerToken(call, route, deps);
      return;
    }
    const admitted = admitCaller(call, deps);
    const caller = admitted instanceof Promise ? await admitted : admitted;
    if (writes && !caller.mayWrite) refuseAnonymousWrite(call, deps);
    admitRepository(call, route, deps.repositoryRules);
    switch (route.kind) {
      case 'ping':
        return answerPing(call, caller, deps);
      case 'catalog':
        return answerCatalog(call, caller, deps);
      case 'tags':
      case 'referrers':
        return answerListing(call, caller, deps);
      case 'manifest':
        if (writes) return answerWrite(call, route.repository, caller, deps);
        return answerManifest(call, route, caller, deps);
      case 'blob':
        if (writes) return answerWrite(call, route.repository, caller, deps);
        return answerBlob(call, route, caller, deps);
      case 'uploads':
      case 'upload':
        return answerUpload(call, route, caller, deps);
    }
  };
}

/** H4: what the path asks for, refused with the code that says what is wrong with it. */
function routeOf(call: DoorRequest): Route {
  const route = parseRoute(call.path);
  const { access } = call.context;
  if (route.kind === 'unknown') {
    throw statusError(404);
  }
  if (route.kind === 'invalid') throw ociError(route.code, { message: route.message });
  access.route = route.kind;
  if ('repository' in route) access.repository = route.repository;
  if ('digest' in route) access.digest = route.digest;
  if (route.kind === 'manifest') {
    access.reference = formatReference(route.reference);
  }
  const allowed = allowedMethods(route);
  if (!allowed.includes(call.request.raw.method ?? '')) {
    call.context.refuse('method');
    throw ociError('UNSUPPORTED', { headers: { allow: allowed.join(', ') } });
  }
  return route;
}

/** H3 */
function checkNamespace(call: DoorRequest, deps: LoginServerDeps): void {
  if (isAnsweredFor(call.query, deps.registry)) return;
  call.context.refuse('namespace');
  throw ociError('NAME_UNKNOWN', {
    message: 'This registry proxy does not answer for the registry named by ns.',
  });
}

function isWrite(route: Route, method: string | undefined): boolean {
  if (route.kind === 'ping' || route.kind === 'token') return false;
  // The state of an upload (end-13) is of use only to whoever writes.
  return route.kind === 'upload' || (method !== 'GET' && method !== 'HEAD');
}
