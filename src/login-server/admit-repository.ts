import type { DoorRequest } from '../listener/door-request.ts';
import { ociError } from '../oci/error.ts';
import { parseRepositoryName } from '../oci/repository-name.ts';
import type { Route } from '../oci/route.ts';
import type { RepositoryRules } from '../policy/repository-rules.ts';

/**
 * Lets a request on to its repository, and to the one that it wants to mount from (docs/request-handling.md G1–G4). The
 * upstream is not asked, so that the answer is the same whether it has such a repository or not.
 *
 * @throws OciError 403
 */
export function admitRepository(call: DoorRequest, route: Route, rules: RepositoryRules): void {
  if (!rules.any || !('repository' in route)) return;
  if (!rules.isOpen(route.repository)) throw refuseRepository(call);
  if (route.kind !== 'uploads' && route.kind !== 'upload') return;
  const sources = new URLSearchParams(call.query).getAll('from');
  // What is no repository's name to us might be one to the upstream, as `;` may part fields there and does not here.
  const isOpen = (name: string) => parseRepositoryName(name) !== undefined && rules.isOpen(name);
  if (call.query.includes(';') || !sources.every(isOpen)) throw refuseRepository(call, 'mount_source');
}

function refuseRepository({ context }: DoorRequest, detail?: 'mount_source'): Error {
  context.refuse('repository_rule', detail);
  context.access.failure = 'repository_rule';
  const what = detail === undefined ? 'This repository' : 'The repository to mount from';
  return ociError('DENIED', {
    message: `${what} is not open through this registry proxy; ask its operator to allow it in rules.repositories.`,
    headers: { connection: 'close' },
  });
}

/**
 * The query of an upload where rules hold: a mount without `from` would let the upstream choose the repository that it is
 * mounted from. Without `mount` it is an upload like any other (distribution-spec, "Mounting a blob").
 */
export function withoutOpenMount(query: string): string {
  const params = new URLSearchParams(query);
  if (!params.has('mount') || params.has('from')) return query;
  return query
    .split('&')
    .filter((pair) => !new URLSearchParams(pair).has('mount'))
    .join('&');
}
